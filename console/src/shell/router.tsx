/** Addresses without a library: a page, what is shown on it, and a few parameters do not need one. */
import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
const changed = () => {
  for (const listener of listeners) listener()
}
window.addEventListener('popstate', changed)

export function navigate(to: string, replace = false): void {
  const before = location.pathname
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  changed()
  if (location.pathname === before) return
  window.scrollTo(0, 0)
  // Where the focus was may be gone with its page; then the keyboard goes on at the top of the new one.
  setTimeout(() => {
    if (document.activeElement === document.body) document.getElementById('main')?.focus({ preventScroll: true })
  })
}

/** The current address; renders again when it changes. */
export function useAddress(): URL {
  const href = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => location.href,
  )
  return new URL(href)
}

/** What comes after the page in the address, decoded: of "/models/assistant/v1" it is ["assistant", "v1"]. */
export function useSegments(): string[] {
  return useAddress()
    .pathname.split('/')
    .slice(2)
    .filter((segment) => segment !== '')
    .map(decoded)
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // a stray "%": there is no such thing, and the page says so
  }
}

/** Sets parameters of the current address, `undefined` takes one away. Replaces the entry in the history: a filter is not a place. */
export function setParameters(parameters: Readonly<Record<string, string | undefined>>): void {
  const address = new URL(location.href)
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) address.searchParams.delete(name)
    else address.searchParams.set(name, value)
  }
  navigate(`${address.pathname}${address.search}`, true)
}

/** A link within the console: an ordinary one for the keyboard, the middle button and the status line. */
export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(href)
  }
  return <a href={href} onClick={follow} {...rest} />
}
