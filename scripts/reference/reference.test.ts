import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkResources } from '../../src/resources/cross-checks.ts'
import { EXAMPLES } from '../../src/resources/examples.ts'
import { KIND_NAMES } from '../../src/resources/index.ts'
import { validateResource } from '../../src/resources/problems.ts'
import { generatedFiles } from './index.ts'

const root = join(import.meta.dirname, '..', '..')

test.each([...generatedFiles()])('%s is what the schemas say', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8'), 'run `npm run generate`').toBe(text)
})

test('the examples are valid, by themselves and together', () => {
  const candidates = KIND_NAMES.map((kind, document) => {
    const result = validateResource(parse(EXAMPLES[kind]))
    if ('problems' in result) throw new Error(`${kind}: ${JSON.stringify(result.problems)}`)
    return { document, resource: result.resource }
  })
  expect(candidates.map(({ resource }) => resource.kind)).toEqual(KIND_NAMES)
  const version = parse(EXAMPLES.ModelVersion) as { metadata: object; spec: object }
  const second = { ...version, metadata: { name: 'helper-v2', namespace: 'default' }, spec: { ...version.spec, version: 'v2' } } as never
  expect(
    checkResources([...candidates, { document: candidates.length, resource: second }], { get: () => undefined, list: () => [] }),
  ).toEqual([])
})

test('every field of every spec says what it is for', () => {
  const bare = [...generatedFiles()].flatMap(([path, text]) =>
    path.endsWith('.md') ? [...text.matchAll(/^\| `(spec\.[^`]+)` .*\| {2}\|$/gm)].map(([, field]) => `${path}: ${field}`) : [],
  )
  expect(bare).toEqual([])
})
