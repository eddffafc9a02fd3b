// Loaded into every process of a system (`--import`): its wall clock shows as many milliseconds more as the file FAULTS_CLOCK says. The
// monotonic clock stays what it is, as when somebody sets the time of a machine.
import { readFileSync } from 'node:fs'

const file = process.env.FAULTS_CLOCK
const TrueDate = Date
let offset = 0
let readAt = Number.NEGATIVE_INFINITY

function now() {
  const at = performance.now()
  if (at - readAt > 20) {
    readAt = at
    offset = Number(readFileSync(file, 'utf8'))
  }
  return TrueDate.now() + offset
}

class SetDate extends TrueDate {
  constructor(...given) {
    if (given.length === 0) super(now())
    else super(...given)
  }
  static now() {
    return now()
  }
}
Object.defineProperty(SetDate, 'name', { value: 'Date' })
globalThis.Date = SetDate
