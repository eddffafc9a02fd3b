/** The pages there are: where they stand in the navigation, and the module that each one is loaded from when somebody goes there. */
import type { ComponentType } from 'react'

export interface Page {
  /** First segment of its addresses; "" is the Overview. What comes after it is the page's own. */
  readonly path: string
  readonly label: string
  /** Loads the page, once. Throws when the file cannot be had now (control is down); then the next call tries again. */
  load(): Promise<ComponentType>
  /** The page, when it has been loaded. */
  loaded(): ComponentType | undefined
}

function page(path: string, label: string, from: () => Promise<{ default: ComponentType }>): Page {
  let component: ComponentType | undefined
  return {
    path,
    label,
    async load() {
      component ??= (await from()).default
      return component
    },
    loaded: () => component,
  }
}

/** Groups of the navigation, in order. */
export const PAGES: readonly (readonly Page[])[] = [
  [
    page('', 'Overview', () => import('../overview/index.tsx')),
    page('playground', 'Playground', () => import('../playground/index.tsx')),
    page('requests', 'Requests', () => import('../requests/index.tsx')),
  ],
  [
    page('models', 'Models', () => import('../models/index.tsx')),
    page('backends', 'Backends', () => import('../backends/index.tsx')),
    page('routes', 'Routes', () => import('../routes/index.tsx')),
    page('consumers', 'Consumers', () => import('../consumers/index.tsx')),
    page('limits', 'Limits', () => import('../limits/index.tsx')),
  ],
  [
    page('releases', 'Releases', () => import('../releases/index.tsx')),
    page('experiments', 'Experiments', () => import('../experiments/index.tsx')),
    page('autoscaling', 'Autoscaling', () => import('../autoscaling/index.tsx')),
  ],
  [page('settings', 'Settings', () => import('../settings/index.tsx'))],
]

export function pageAt(pathname: string): Page | undefined {
  const [first = ''] = pathname.split('/').slice(1)
  return PAGES.flat().find(({ path }) => path === first)
}
