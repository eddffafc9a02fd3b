export default function Settings() {
  return (
    <div className="page">
      <header className="page-head">
        <h1>Settings</h1>
      </header>
    </div>
  )
}
