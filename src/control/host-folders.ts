/**
 * Folders of the machine that containers see. What is in such a folder a container has as root has it, so an editor gives none. One that an admin
 * has given to a version stays with it, or an editor could not even scale it.
 */
import { StrataError } from '../kernel/errors.ts'
import type { ImageSource } from '../resources/image-source.ts'
import type { Resource } from '../resources/index.ts'
import { formatPath } from '../resources/problems.ts'
import type { ResourceChange } from '../store/index.ts'
import { type Caller, mayAct } from './identify.ts'

type Volume = NonNullable<ImageSource['volumes']>[number]

export interface GivenFolder {
  /** "ModelVersion/assistant-v2" */
  readonly label: string
  readonly path: readonly (string | number)[]
  readonly source: string
  readonly target: string
}

const SHOWN = 3

/** Why whoever asks may not make these changes; undefined where they may. */
export function hostFolderRefusal(
  { actor, role }: Pick<Caller, 'actor' | 'role'>,
  changes: readonly ResourceChange[],
): StrataError | undefined {
  if (mayAct(role, 'admin')) return undefined
  const folders = changes.flatMap(newFolders)
  if (folders.length === 0) return undefined
  const told = folders
    .slice(0, SHOWN)
    .map(
      ({ label, path, source, target }) =>
        `${label} mounts the machine's folder ${JSON.stringify(source)} at ${JSON.stringify(target)} (${formatPath(path)})`,
    )
  const more = folders.length > SHOWN ? ` and ${folders.length - SHOWN} more like it` : ''
  return new StrataError(
    'forbidden',
    `${told.join('; ')}${more}. A container can do there what root can, so that takes the role admin; ${actor} is ${role}.`,
    {
      advice: 'Ask an admin to apply it, or give the name of a Docker volume (`source: models`) in place of the folder.',
      details: { folders },
    },
  )
}

/** The folders that a version mounts and did not before, in just this way. */
function newFolders({ label, before, after }: ResourceChange): GivenFolder[] {
  const had = volumesOf(before)
  return volumesOf(after).flatMap((volume, at) => {
    const { source, target } = volume
    if (!source.startsWith('/') || had.some((each) => isSame(each, volume))) return []
    return [{ label, path: ['spec', 'source', 'image', 'volumes', at], source, target }]
  })
}

function volumesOf(resource: Resource | undefined): readonly Volume[] {
  return resource?.kind === 'ModelVersion' ? ((resource as Resource<'ModelVersion'>).spec.source.image?.volumes ?? []) : []
}

const isSame = (a: Volume, b: Volume) => a.source === b.source && a.target === b.target && a.readOnly === b.readOnly
