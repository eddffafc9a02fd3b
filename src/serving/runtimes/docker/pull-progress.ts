/** How far a pull is, from the lines that Docker says while it goes on: one layer a line, in no order. */
import type { PullLine } from './shapes.ts'

/** Bytes by layer. */
export type PullProgress = ReadonlyMap<string, { readonly current: number; readonly total: number }>

export function notePullLine(progress: PullProgress, { id, status, progressDetail }: PullLine): PullProgress {
  if (id === undefined) return progress
  const known = progress.get(id)
  const { current, total } = progressDetail ?? {}
  if (status === 'Downloading' && current !== undefined && total) return new Map(progress).set(id, { current, total })
  const isThere = status === 'Download complete' || status === 'Verifying Checksum' || status === 'Extracting' || status === 'Pull complete'
  return known && isThere ? new Map(progress).set(id, { ...known, current: known.total }) : progress
}

export function sumProgress(progress: PullProgress): { current: number; total: number } {
  let current = 0
  let total = 0
  for (const layer of progress.values()) {
    current += layer.current
    total += layer.total
  }
  return { current, total }
}
