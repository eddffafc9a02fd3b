/**
 * Shows the page of the current address. Its module comes when it is first needed; when control does not answer just then, the frame waits
 * and tries again. After that all others are fetched while nothing else goes on, so that the next page is there at once, with control or without.
 */
import { Loader } from '@mantine/core'
import { Component, type ReactNode, useEffect, useLayoutEffect, useState } from 'react'
import { PAGES, type Page, pageAt } from './pages.ts'
import { Link, useAddress } from './router.tsx'

const RETRY_MS = 1_000

export function PageFrame() {
  const { pathname } = useAddress()
  const page = pageAt(pathname)
  // Before the page's own effects: one that knows a better name gives it then.
  useLayoutEffect(() => {
    document.title = `${page?.label ?? 'No such page'} · Strata`
  }, [page])
  if (!page) return <NoSuchPage path={pathname} />
  return (
    <Mishap key={page.path}>
      <LoadedPage key={page.path} page={page} />
    </Mishap>
  )
}

function LoadedPage({ page }: { page: Page }) {
  const [, setArrived] = useState(page.loaded() !== undefined)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let gone = false
    const load = () =>
      page.load().then(
        () => {
          if (gone) return
          setArrived(true)
          timer = setTimeout(fetchOthers, RETRY_MS)
        },
        async () => {
          if (await isNewer()) location.reload()
          else if (!gone) timer = setTimeout(load, RETRY_MS)
        },
      )
    void load()
    return () => {
      gone = true
      clearTimeout(timer)
    }
  }, [page])
  const Content = page.loaded()
  if (Content) return <Content />
  return (
    <div className="page centred" role="status">
      <Loader size="sm" /> Loading {page.label}…
    </div>
  )
}

/** Whether control serves another build by now, whose files have other names than the ones that this one asks for. */
async function isNewer(): Promise<boolean> {
  try {
    const answer = await fetch('/', { cache: 'no-store' })
    return answer.ok && !(await answer.text()).includes(new URL(import.meta.url).pathname)
  } catch {
    return false // control is away
  }
}

function fetchOthers(): void {
  // What fails now is fetched when it is asked for.
  for (const page of PAGES.flat()) page.load().catch(() => undefined)
}

/** A mistake of ours in one page leaves the others usable and says what happened. */
class Mishap extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  override render() {
    const { error } = this.state
    if (error === undefined) return this.props.children
    return (
      <div className="page">
        <h1>This page has failed</h1>
        <p>{error instanceof Error ? error.message : String(error)}</p>
        <p>
          <button type="button" className="plain" onClick={() => this.setState({ error: undefined })}>
            Show it again
          </button>{' '}
          The others in the navigation go on as before.
        </p>
      </div>
    )
  }
}

function NoSuchPage({ path }: { path: string }) {
  return (
    <div className="page">
      <h1>There is no page at {path}</h1>
      <p>
        The navigation has all that there are; <Link href="/">the Overview</Link> is a good place to begin.
      </p>
    </div>
  )
}
