/** The instances that versions ask for. Most rounds find a version as it was, and get what was made of it before. */
import type { Resource } from '../../resources/index.ts'
import type { Task } from '../../resources/model.ts'
import { type Instance, instanceOf, programOf, type Surroundings, type WeightsState } from './identity.ts'
import { indicesOf, type Standing } from './plan.ts'

type Version = Resource<'ModelVersion'>

export interface Asked {
  readonly task: Task
  readonly weights: WeightsState | undefined
  /** So many instances. */
  readonly count: number
  /** Those that are there, by their digest. */
  standing(digest: string): readonly Standing[]
}

export interface Desired {
  /** Undefined while it is not known what they shall run. */
  of(version: Version, asked: Asked): readonly Instance[] | undefined
  /** Forgets the versions that are gone. */
  keepOnly(versions: readonly Version[]): void
}

export function createDesired(around: Surroundings): Desired {
  const made = new Map<string, { readonly of: readonly unknown[]; readonly at: (index: number) => Instance }>()

  /** Instances of a version as it is now; undefined while it is not known what they shall run. */
  const makerOf = (version: Version, { task, weights }: Asked) => {
    const { spec, metadata } = version
    const of = [spec, metadata.annotations, weights, task]
    const known = made.get(metadata.uid!)
    if (known?.of.every((each, at) => each === of[at])) return known.at
    const program = programOf(version, weights)
    if (!program) return undefined
    const instances = new Map<number, Instance>()
    const at = (index: number) => {
      const instance = instances.get(index) ?? instanceOf(version, task, program, index, around)
      instances.set(index, instance)
      return instance
    }
    made.set(metadata.uid!, { of, at })
    return at
  }

  return {
    of(version, asked) {
      if (asked.count === 0) return []
      const at = makerOf(version, asked)
      return at && indicesOf(asked.count, asked.standing(at(0).digest)).map(at)
    },
    keepOnly(versions) {
      const uids = new Set(versions.map(({ metadata }) => metadata.uid))
      for (const uid of made.keys()) if (!uids.has(uid)) made.delete(uid)
    },
  }
}
