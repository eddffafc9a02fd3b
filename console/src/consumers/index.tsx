export default function Consumers() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Consumers</h1>
      </header>
    </div>
  )
}
