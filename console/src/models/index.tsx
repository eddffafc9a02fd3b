export default function Models() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Models</h1>
      </header>
    </div>
  )
}
