/**
 * The name of one boot of a gateway. Segments are read and removed in the order of their names, so a new boot must come after all earlier ones,
 * also when the clock has been set back in between.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../../kernel/errors.ts'
import { sortableId } from '../../kernel/ids.ts'
import { SEGMENT_NAME } from '../request-records.ts'

/** `folder`: `STRATA_HOME/records`. */
export function nextBoot(folder: string, gateway: string, now: number): string {
  const before = bootsIn(join(folder, gateway)).sort().at(-1)
  return sortableId(before === undefined ? now : Math.max(now, timeOf(before) + 1))
}

function bootsIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** The milliseconds in the first ten digits of a sortable id. */
function timeOf(id: string): number {
  let time = 0
  for (const digit of id.slice(0, 10)) time = time * 32 + DIGITS.indexOf(digit)
  return time
}
