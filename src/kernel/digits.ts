/**
 * Numbers as text, for what writes many of them. V8 remembers the text of every number that it has written, and puts it in the old generation:
 * a dozen new numbers a request, and all of the heap is gone through for them every few seconds. This text is put together from known pieces.
 */
const SHORT = Array.from({ length: 1000 }, (_, i) => String(i))
const PADDED = SHORT.map((text) => text.padStart(3, '0'))
const MOST = 1e14

/** What `String(value)` says; quick for whole numbers and tenths from 0 up to 10¹⁴. */
export function digits(value: number): string {
  if (!(value >= 0 && value < MOST)) return String(value)
  const whole = Math.floor(value)
  if (whole === value) return wholeDigits(whole)
  const tenth = Math.round((value - whole) * 10)
  return (whole * 10 + tenth) / 10 === value && tenth < 10 ? `${wholeDigits(whole)}.${SHORT[tenth]}` : String(value)
}

function wholeDigits(value: number): string {
  if (value < 1000) return SHORT[value]!
  const thousands = Math.floor(value / 1000)
  return wholeDigits(thousands) + PADDED[value - thousands * 1000]!
}
