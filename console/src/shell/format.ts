/** Numbers as people read them: three significant digits, a unit, a thin no-break space between. */
const GAP = '\u202f'

export function rate(perSecond: number): string {
  if (perSecond === 0) return `0${GAP}/s`
  return `${perSecond >= 10 ? Math.round(perSecond) : perSecond >= 1 ? perSecond.toFixed(1) : perSecond.toFixed(2)}${GAP}/s`
}

export function milliseconds(ms: number | undefined | null): string {
  if (ms === undefined || ms === null) return '–'
  if (ms < 10) return `${ms.toFixed(1)}${GAP}ms`
  if (ms < 1000) return `${Math.round(ms)}${GAP}ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)}${GAP}s`
}

export function percent(share: number): string {
  const value = share * 100
  return `${value === 0 ? '0' : value < 10 ? value.toFixed(1) : Math.round(value)}${GAP}%`
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** Of a sentence: a number and its sign stay together. */
export const spaced = (text: string) => text.replaceAll(' %', `${GAP}%`)

/** "2 s" for "2.00 s": at an axis a round number is what it is. */
export const withoutZeros = (text: string) => text.replace(/(\.\d*?)0+(?!\d)/, '$1').replace(/\.(?!\d)/, '')

export function bytes(value: number): string {
  return value >= 1e9 ? `${(value / 1e9).toFixed(2)}${GAP}GB` : `${(value / 1e6).toFixed(0)}${GAP}MB`
}

export function ago(then: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - then) / 1000))
  if (seconds < 60) return `${seconds}${GAP}s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${GAP}min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}${GAP}h ago`
  const days = Math.floor(seconds / 86_400)
  return days < 730 ? `${days}${GAP}d ago` : `${Math.floor(days / 365.25)}${GAP}y ago`
}

/** How long something took: "340 ms", "12.0 s", "3 min". */
export function lasting(ms: number): string {
  return ms < 60_000 ? milliseconds(ms) : ago(0, ms).replace(/ ago$/, '')
}
