export default function Limits() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Limits</h1>
      </header>
    </div>
  )
}
