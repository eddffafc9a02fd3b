import { describe, expect, test } from 'vitest'
import { validateResource } from '../resources/problems.ts'
import type { Role } from '../store/index.ts'
import { hostFolderRefusal } from './host-folders.ts'

interface Volume {
  readonly source: string
  readonly target: string
  readonly readOnly?: boolean
}

function version(volumes: readonly Volume[], min = 1) {
  const image = { name: 'some/server:1', protocol: 'openai', port: 8000, ...(volumes.length > 0 ? { volumes } : {}) }
  const checked = validateResource({
    ...{ apiVersion: 'strata.dev/v1alpha1', kind: 'ModelVersion', metadata: { name: 'm-v1' } },
    spec: { model: 'm', version: 'v1', source: { image }, scaling: { min } },
  })
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
  return checked.resource
}

const verdict = (role: Role, after: readonly Volume[], before?: readonly Volume[]) =>
  hostFolderRefusal({ actor: 'token/ci', role }, [
    {
      label: 'ModelVersion/m-v1',
      action: before ? 'change' : 'create',
      ...(before ? { before: version(before) } : {}),
      after: version(after, 2),
    },
  ])

const folder = { source: '/srv/models', target: '/models', readOnly: true }
const named = { source: 'hf-cache', target: '/cache' }

describe('folders of the machine', () => {
  test('an editor is told which, why, and what to do', () => {
    expect(verdict('editor', [named, folder])).toMatchObject({
      code: 'forbidden',
      message:
        'ModelVersion/m-v1 mounts the machine\'s folder "/srv/models" at "/models" (spec.source.image.volumes[1]). A container can do there what root can, so that takes the role admin; token/ci is editor.',
      advice: expect.stringMatching(/Ask an admin .* Docker volume/),
    })
  })

  test.each<[string, Role, readonly Volume[], (readonly Volume[])?]>([
    ['an admin gives them', 'admin', [folder]],
    ['no volume', 'editor', []],
    ['volumes of Docker are everybody’s who may write', 'editor', [named]],
    ['what an admin has given stays', 'editor', [named, folder], [folder]],
    ['and may be taken away', 'editor', [], [folder]],
    ['the default is no difference', 'editor', [{ ...named, source: '/a', readOnly: false }], [{ ...named, source: '/a' }]],
  ])('%s', (_, role, after, before) => {
    expect(verdict(role, after, before)).toBeUndefined()
  })

  test.each<[string, readonly Volume[], readonly Volume[]]>([
    ['another folder', [{ ...folder, source: '/srv' }], [folder]],
    ['the same, written otherwise', [{ ...folder, source: '/srv/models/..' }], [folder]],
    ['elsewhere in the container', [{ ...folder, target: '/' }], [folder]],
    ['writable now', [{ ...folder, readOnly: false }], [folder]],
    ['one beside it', [folder, { ...folder, source: '/', target: '/host' }], [folder]],
    ['a folder in place of a volume', [folder], [{ ...folder, source: 'models' }]],
  ])('an editor gives none: %s', (_, after, before) => {
    expect(verdict('editor', after, before)?.code).toBe('forbidden')
  })

  test('a viewer gives none either, and a long list is cut', () => {
    const many = Array.from({ length: 5 }, (_, i) => ({ source: `/srv/${i}`, target: `/${i}` }))
    expect(verdict('viewer', many)?.message).toMatch(/"\/srv\/2" at "\/2" \(spec\.source\.image\.volumes\[2\]\) and 2 more like it\./)
  })

  test('other kinds have no folders', () => {
    const consumer = validateResource({
      ...{ apiVersion: 'strata.dev/v1alpha1', kind: 'Consumer', metadata: { name: 'c' } },
      spec: {},
    })
    if ('problems' in consumer) throw new Error('a consumer is refused')
    const change = { label: 'Consumer/c', action: 'create', after: consumer.resource } as const
    expect(hostFolderRefusal({ actor: 'token/ci', role: 'editor' }, [change])).toBeUndefined()
  })
})
