/** A word in a box: a role, a kind, a state. `tone` adds a colour to what the word says already. */
import type { ReactNode } from 'react'

export function Tag({ tone, children }: { readonly tone?: 'good' | 'busy' | 'bad' | 'accent'; readonly children: ReactNode }) {
  return <span className={tone ? `tag ${tone}` : 'tag'}>{children}</span>
}
