/** How fast an instance is, as `--curve` says: a file, or the records that are replayed. */
import { createReadStream } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { z } from 'zod'
import { messageOf, StrataError, systemCode } from '../kernel/errors.ts'
import { readLines } from '../kernel/json-lines.ts'
import { type ServiceCurve, serviceCurve } from '../orchestration/autoscaling/index.ts'
import { calibrate, readServed } from '../orchestration/simulator/index.ts'
import { formatPath, formatProblem } from '../resources/field-problem.ts'
import { fieldProblems } from '../resources/issues.ts'
import type { JsonSchema } from '../resources/json-schema.ts'

/** As --curve. */
export const OF_THE_TRACE = 'records'
const CURVE_ADVICE = 'docs/autoscaling.md shows one.'

/** From the records that are replayed. */
export async function curveOfRecords(path: string | undefined): Promise<ServiceCurve> {
  if (path === undefined) throw new StrataError('usage', `--curve ${OF_THE_TRACE} wants --trace with request records.`)
  if (path === '-')
    throw new StrataError('usage', `--curve ${OF_THE_TRACE} reads the trace a second time, and standard input is there once.`, {
      advice: 'Write it to a file: --trace FILE.',
    })
  await access(path).catch(() => {
    throw new StrataError('not_found', `There is no file ${path}.`, { advice: 'Is the path right?' })
  })
  return calibrate(await readServed(readLines(createReadStream(path))), `as in ${basename(path)}`)
}

export async function readCurve(path: string): Promise<ServiceCurve> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw new StrataError('not_found', `There is no file ${path}.`, { advice: 'Is the path of --curve right?' })
    throw new StrataError('unreadable', `${path} cannot be read: ${messageOf(error)}.`, { cause: error })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new StrataError('invalid', `${path} is not JSON: ${messageOf(error)}.`, { advice: CURVE_ADVICE })
  }
  const parsed = serviceCurve.safeParse(value, { reportInput: true })
  if (parsed.success) return parsed.data
  const problems = fieldProblems(parsed.error.issues, value, z.toJSONSchema(serviceCurve, { io: 'input' }) as JsonSchema)
  const told = problems.map((problem) => [formatPath(problem.path), formatProblem(problem)].filter(Boolean).join(': '))
  const said = `${told.slice(0, 3).join('; ')}${told.length > 3 ? '; …' : ''}`
  throw new StrataError('invalid', `${path} is no service curve: ${said}${said.endsWith('?') ? '' : '.'}`, { advice: CURVE_ADVICE })
}

export function curveText({ prefill, decode, sequences }: ServiceCurve): string {
  const steps = decode.map((point) => `${point.sequences}: ${point.stepMs.toFixed(1)}`).join(', ')
  return `Instances as the records show them: ${Math.round(prefill.tokensPerSecond)} prompt tokens/s after ${Math.round(prefill.overheadMs)} ms, ms a token by answers at a time ${steps}, at most ${sequences} of them (-o json has it as a curve).`
}
