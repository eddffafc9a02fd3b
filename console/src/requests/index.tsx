export default function Requests() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Requests</h1>
      </header>
    </div>
  )
}
