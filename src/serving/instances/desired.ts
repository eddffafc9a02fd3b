/** The instances that versions ask for. Most rounds find a version as it was, and get what was made of it before. */
import type { Resource } from '../../resources/index.ts'
import type { Task } from '../../resources/model.ts'
import { type Instance, instanceOf, programOf, type Surroundings, type WeightsState } from './identity.ts'

type Version = Resource<'ModelVersion'>

export interface Desired {
  /** Undefined while it is not known what they shall run. */
  of(version: Version, task: Task, weights: WeightsState | undefined): readonly Instance[] | undefined
  /** Forgets the versions that are gone. */
  keepOnly(versions: readonly Version[]): void
}

export function createDesired(around: Surroundings): Desired {
  const made = new Map<string, { readonly of: readonly unknown[]; readonly instances: readonly Instance[] | undefined }>()

  const make = (version: Version, task: Task, weights: WeightsState | undefined): Instance[] | undefined => {
    const { min } = version.spec.scaling
    const program = min === 0 ? undefined : programOf(version, weights)
    if (min > 0 && !program) return undefined
    return Array.from({ length: min }, (_, index) => instanceOf(version, task, program!, index, around))
  }

  return {
    of(version, task, weights) {
      const { spec, metadata } = version
      const of = [spec, metadata.annotations, weights, task]
      const known = made.get(metadata.uid!)
      if (known?.of.every((each, at) => each === of[at])) return known.instances
      const instances = make(version, task, weights)
      made.set(metadata.uid!, { of, instances })
      return instances
    },
    keepOnly(versions) {
      const uids = new Set(versions.map(({ metadata }) => metadata.uid))
      for (const uid of made.keys()) if (!uids.has(uid)) made.delete(uid)
    },
  }
}
