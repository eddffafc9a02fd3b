import '@mantine/core/styles.css'
import 'uplot/dist/uPlot.min.css'
import './styles.css'
import { Button, createTheme, MantineProvider } from '@mantine/core'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { SystemProvider, useSystem } from './api/system.tsx'
import { PageFrame } from './shell/page-frame.tsx'
import { pageAt } from './shell/pages.ts'
import { Shell } from './shell/shell.tsx'
import { SignedOut } from './shell/signed-out.tsx'

const theme = createTheme({
  primaryColor: 'cyan',
  primaryShade: { light: 8, dark: 5 },
  autoContrast: true,
  defaultRadius: 'sm',
  components: { Button: Button.extend({ styles: { label: { fontWeight: 500 } } }) },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
})

function Pages() {
  const { connection } = useSystem()
  if (connection === 'signed-out') return <SignedOut />
  return (
    <Shell>
      <PageFrame />
    </Shell>
  )
}

// The page's own file is asked for while React starts; when that fails, `PageFrame` tries again and says so.
pageAt(location.pathname)
  ?.load()
  .catch(() => undefined)

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <SystemProvider>
        <Pages />
      </SystemProvider>
    </MantineProvider>
  </StrictMode>,
)
