/** The frame of every page: navigation, theme, the bar that says when what is shown is old. */
import { ActionIcon, AppShell, Burger, NavLink, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { useSystem } from '../api/system.tsx'
import { PAGES, pageAt } from './pages.ts'
import { Link, useAddress } from './router.tsx'

export function Shell({ children }: { children: ReactNode }) {
  const [opened, { toggle, close }] = useDisclosure()
  const { connection, status } = useSystem()
  const current = pageAt(useAddress().pathname)
  return (
    <AppShell header={{ height: 48 }} navbar={{ width: 184, breakpoint: 'sm', collapsed: { mobile: !opened } }} padding={0}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <AppShell.Header className="header">
        <Burger
          opened={opened}
          onClick={toggle}
          hiddenFrom="sm"
          size="sm"
          aria-label={opened ? 'Close the navigation' : 'Open the navigation'}
        />
        <Link href="/" className="brand" onClick={close}>
          <img src="/icon.svg" alt="" width="22" height="22" />
          Strata
        </Link>
        <span className="header-version">{status?.version}</span>
        <span className="grow" />
        <Connection connection={connection} />
        <ThemeSwitch />
      </AppShell.Header>
      <AppShell.Navbar className="navbar" aria-label="Pages">
        {PAGES.map((group) => (
          <div className="nav-group" key={group[0]?.path}>
            {group.map(({ path, label }) => (
              <NavLink
                key={path}
                component={Link}
                href={`/${path}`}
                label={label}
                active={current?.path === path}
                aria-current={current?.path === path ? 'page' : undefined}
                onClick={close}
              />
            ))}
          </div>
        ))}
        <span className="grow" />
        <NavLink component="a" href="/api/docs" label="API description" className="quiet" />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        {connection === 'reconnecting' && (
          <div className="reconnecting" role="status">
            reconnecting… what you see is from before
          </div>
        )}
        {children}
      </AppShell.Main>
    </AppShell>
  )
}

function Connection({ connection }: { connection: string }) {
  if (connection !== 'live') return null
  return (
    <span className="live">
      <span className="live-dot" aria-hidden />
      live
    </span>
  )
}

function ThemeSwitch() {
  const { setColorScheme } = useMantineColorScheme()
  const current = useComputedColorScheme('light')
  const other = current === 'light' ? 'dark' : 'light'
  return (
    <Tooltip label={`Switch to ${other}`}>
      <ActionIcon variant="subtle" color="gray" onClick={() => setColorScheme(other)} aria-label={`Switch to the ${other} theme`}>
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden>
          <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.5" />
          <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />
        </svg>
      </ActionIcon>
    </Tooltip>
  )
}
