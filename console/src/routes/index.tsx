export default function Routes() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Routes</h1>
      </header>
    </div>
  )
}
