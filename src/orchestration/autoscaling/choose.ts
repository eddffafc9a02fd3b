/** Policies by name, as people write them: "objective", "knative:22", "fixed:12", "schedule:08:00=10+20:00=3". */
import { fixedPolicy } from './fixed.ts'
import { hpaDefaults, hpaPolicy } from './hpa.ts'
import { kedaDefaults, kedaPolicy } from './keda.ts'
import { knativeDefaults, knativePolicy } from './knative.ts'
import { DEFAULT_ALLOWED_MISSES, type ObjectiveSettings, objectivePolicy } from './objective.ts'
import type { Policy } from './policy.ts'
import { clock, type ScheduleEntry, schedulePolicy } from './schedule.ts'

/** What is known of the version. */
export interface Surroundings extends Omit<ObjectiveSettings, 'allowedMisses'> {
  /** Requests that an instance serves at the same time. */
  readonly sequences: number
}

export const POLICY_NAMES = ['objective', 'knative', 'hpa', 'keda', 'fixed', 'schedule'] as const
export const POLICY_FORMS =
  'objective[:allowed misses in percent], knative[:requests an instance], hpa[:…], keda[:…], fixed:instances, schedule:HH:MM=instances+…'

/** @throws RangeError that says what is wrong with `text`. */
export function choosePolicy(text: string, world: Surroundings): Policy<never> {
  const [name = '', ...rest] = text.trim().split(':')
  const argument = rest.length === 0 ? undefined : rest.join(':')
  return { ...named(name, argument, text, world), name: text.trim() } as Policy<never>
}

function named(name: string, argument: string | undefined, text: string, world: Surroundings): Policy<never> | Policy<null> {
  const number = (usual: number, unit: string, below = Number.POSITIVE_INFINITY) => {
    const value = argument === undefined ? usual : argument.trim() === '' ? Number.NaN : Number(argument)
    if (!(value > 0 && value < below))
      throw new RangeError(`"${text}": ${unit} is a number above 0${Number.isFinite(below) ? ` and below ${below}` : ''}`)
    return value
  }
  const perInstance = () => number(world.sequences * 0.7, 'the target, requests an instance,')
  switch (name) {
    case 'objective':
      return objectivePolicy({
        ...world,
        allowedMisses: number(DEFAULT_ALLOWED_MISSES * 100, 'the allowed misses, percent,', 100) / 100,
      }) as Policy<never>
    case 'knative':
      return knativePolicy({ ...knativeDefaults(), target: perInstance() }) as Policy<never>
    case 'hpa':
      return hpaPolicy({ ...hpaDefaults(), target: perInstance() }) as Policy<never>
    case 'keda':
      return kedaPolicy({ ...kedaDefaults(), target: perInstance() }) as Policy<never>
    case 'fixed': {
      const instances = Number(argument ?? Number.NaN)
      if (!(Number.isInteger(instances) && instances >= 0)) throw new RangeError(`"${text}": write fixed:12 for twelve instances`)
      return fixedPolicy(instances)
    }
    case 'schedule':
      return schedulePolicy(scheduleOf(argument ?? '', text))
    default:
      throw new RangeError(`"${text}" is no policy`)
  }
}

function scheduleOf(argument: string, text: string): ScheduleEntry[] {
  const entries = argument.split('+').map((entry) => scheduleEntry(entry, text))
  const twice = entries.find(({ minute }, i) => entries.findIndex((other) => other.minute === minute) !== i)
  if (twice) throw new RangeError(`"${text}": ${clock(twice.minute)} stands there twice`)
  return entries
}

function scheduleEntry(entry: string, text: string): ScheduleEntry {
  const match = /^\s*([01]?\d|2[0-3]):([0-5]\d)\s*=\s*(\d{1,4})\s*$/.exec(entry)
  if (!match) throw new RangeError(`"${text}": write schedule:08:00=10+20:00=3 for ten instances from eight o'clock and three from twenty`)
  return { minute: Number(match[1]) * 60 + Number(match[2]), instances: Number(match[3]) }
}
