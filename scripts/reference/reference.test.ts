import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkResources } from '../../src/resources/cross-checks.ts'
import { BESIDES, EXAMPLES } from '../../src/resources/examples.ts'
import { KIND_NAMES } from '../../src/resources/index.ts'
import { validateResource } from '../../src/resources/problems.ts'
import { generatedFiles } from './index.ts'

const root = join(import.meta.dirname, '..', '..')

test.each([...generatedFiles()])('%s is what the schemas say', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8'), 'run `npm run generate`').toBe(text)
})

test('the examples are valid, by themselves and together', () => {
  const read = (text: string, document: number) => {
    const result = validateResource(parse(text))
    if ('problems' in result) throw new Error(`${text}: ${JSON.stringify(result.problems)}`)
    return { document, resource: result.resource }
  }
  const candidates = KIND_NAMES.map((kind) => EXAMPLES[kind]).map(read)
  expect(candidates.map(({ resource }) => resource.kind)).toEqual(KIND_NAMES)
  const besides = BESIDES.map((text, i) => read(text, candidates.length + i))
  expect(checkResources([...candidates, ...besides], { get: () => undefined, list: () => [] })).toEqual([])
})

test('every field of every spec says what it is for', () => {
  const bare = [...generatedFiles()].flatMap(([path, text]) =>
    path.endsWith('.md') ? [...text.matchAll(/^\| `(spec\.[^`]+)` .*\| {2}\|$/gm)].map(([, field]) => `${path}: ${field}`) : [],
  )
  expect(bare).toEqual([])
})
