import '@mantine/core/styles.css'
import 'uplot/dist/uPlot.min.css'
import './styles.css'
import { createTheme, MantineProvider } from '@mantine/core'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { SystemProvider, useSystem } from './api/system.tsx'
import { Overview } from './overview/overview.tsx'
import { Playground } from './playground/playground.tsx'
import { useAddress } from './shell/router.tsx'
import { Shell } from './shell/shell.tsx'
import { SignedOut } from './shell/signed-out.tsx'

const theme = createTheme({
  primaryColor: 'cyan',
  primaryShade: { light: 8, dark: 5 },
  autoContrast: true,
  defaultRadius: 'sm',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
})

function Pages() {
  const { connection } = useSystem()
  const { pathname } = useAddress()
  if (connection === 'signed-out') return <SignedOut />
  return <Shell>{pathname === '/playground' ? <Playground /> : pathname === '/' ? <Overview /> : <NoSuchPage path={pathname} />}</Shell>
}

function NoSuchPage({ path }: { path: string }) {
  return (
    <div className="page">
      <h1>There is no page at {path}</h1>
      <p>The navigation on the left has all that there are.</p>
    </div>
  )
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <SystemProvider>
        <Pages />
      </SystemProvider>
    </MantineProvider>
  </StrictMode>,
)
