import '@mantine/core/styles.css'
import 'uplot/dist/uPlot.min.css'
import './styles.css'
import { Button, type ButtonProps, createTheme, type MantineColorsTuple, MantineProvider } from '@mantine/core'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { SystemProvider, useSystem } from './api/system.tsx'
import { PageFrame } from './shell/page-frame.tsx'
import { pageAt } from './shell/pages.ts'
import { Shell } from './shell/shell.tsx'
import { SignedOut } from './shell/signed-out.tsx'

/** Filled buttons in our own colours: the library's contrast is reckoned for the light theme alone. */
const filledButton: ButtonProps['vars'] = (_theme, { variant = 'filled', color, disabled }) => {
  if (variant !== 'filled' || disabled) return { root: {} }
  const ground = color === 'red' ? 'var(--bad)' : 'var(--accent)'
  return {
    root: {
      '--button-bg': ground,
      '--button-hover': `color-mix(in srgb, ${ground} 88%, var(--text))`,
      '--button-color': 'var(--on-accent)',
    },
  }
}

/** Greys of the dark theme, the same as those of styles.css. */
const DARK: MantineColorsTuple = [
  '#e8eaed',
  '#c9cfd6',
  '#9aa4ae',
  '#8d97a1',
  '#3d444b',
  '#2e3338',
  '#202428',
  '#1a1d20',
  '#15181a',
  '#121416',
]

const theme = createTheme({
  colors: { dark: DARK },
  primaryColor: 'cyan',
  primaryShade: { light: 8, dark: 5 },
  autoContrast: true,
  defaultRadius: 'sm',
  components: { Button: Button.extend({ styles: { label: { fontWeight: 500 } }, vars: filledButton }) },
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
