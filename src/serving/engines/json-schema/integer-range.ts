/** A range of integers as a pattern of digits: "between 7 and 120" is `[7-9] | [1-9] [0-9] | "1" [0-1] [0-9] | "120"`. */

/** The integers from `min` to `max`, each absent bound open (to 15 digits, which a number holds exactly). */
export function integerRange(min: number | undefined, max: number | undefined): string {
  const lowest = min ?? -999_999_999_999_999
  const highest = max ?? 999_999_999_999_999
  const parts: string[] = []
  if (lowest < 0) parts.push(...naturalRange(String(Math.max(1, -highest)), String(-lowest)).map((part) => `"-" ${part}`))
  if (highest >= 0) parts.push(...naturalRange(String(Math.max(0, lowest)), String(highest)))
  return parts.join(' | ')
}

/** Patterns that together match the numbers from `low` to `high`, both written out. */
function naturalRange(low: string, high: string): string[] {
  if (low.length < high.length) {
    const parts = naturalRange(low, '9'.repeat(low.length))
    for (let digits = low.length + 1; digits < high.length; digits++) parts.push(`[1-9] [0-9]{${digits - 1}}`)
    return [...parts, ...naturalRange(`1${'0'.repeat(high.length - 1)}`, high)]
  }
  return sameLength(low, high)
}

function sameLength(low: string, high: string): string[] {
  if (low === high) return [`"${low}"`]
  const shared = [...low].findIndex((digit, i) => digit !== high[i])
  const prefix = shared > 0 ? `"${low.slice(0, shared)}" ` : ''
  const from = Number(low[shared])
  const to = Number(high[shared])
  const rest = low.length - shared - 1
  if (rest === 0) return [`${prefix}[${from}-${to}]`]
  const lowRest = low.slice(shared + 1)
  const highRest = high.slice(shared + 1)
  const wholeLow = /^0+$/.test(lowRest)
  const wholeHigh = /^9+$/.test(highRest)
  const parts: string[] = []
  if (!wholeLow) parts.push(...sameLength(lowRest, '9'.repeat(rest)).map((part) => `${prefix}"${from}" ${part}`))
  const firstWhole = wholeLow ? from : from + 1
  const lastWhole = wholeHigh ? to : to - 1
  if (firstWhole <= lastWhole) parts.push(`${prefix}[${firstWhole}-${lastWhole}] [0-9]{${rest}}`)
  if (!wholeHigh) parts.push(...sameLength('0'.repeat(rest), highRest).map((part) => `${prefix}"${to}" ${part}`))
  return parts
}
