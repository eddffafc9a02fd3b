import { expect, test } from 'vitest'
import { type LockedPackage, packagesNeeded } from './packages-needed.ts'

const needed = (packages: Record<string, LockedPackage>, missing: readonly string[] = []) =>
  packagesNeeded({ packages }, (path) => !missing.includes(path))
const on = (...names: string[]) => Object.fromEntries(names.map((name) => [name, '1']))

test('what the project names, and what that needs in turn, also in a circle', () => {
  const packages = {
    '': { dependencies: on('a'), devDependencies: on('dev') },
    'node_modules/a': { dependencies: on('b') },
    'node_modules/b': { dependencies: on('a', 'c') },
    'node_modules/c': {},
    'node_modules/dev': {},
    console: { dependencies: on('builder') },
    'node_modules/builder': {},
  }
  expect(needed(packages)).toEqual(['node_modules/a', 'node_modules/b', 'node_modules/c'])
})

test('the nearest one of a name, as Node finds it', () => {
  const packages = {
    '': { dependencies: on('@s/a', 'b') },
    'node_modules/@s/a': { dependencies: on('b', 'c') },
    'node_modules/@s/a/node_modules/b': { dependencies: on('c') },
    'node_modules/b': {},
    'node_modules/c': { dependencies: on('b') },
  }
  expect(needed(packages)).toEqual(['node_modules/@s/a', 'node_modules/@s/a/node_modules/b', 'node_modules/b', 'node_modules/c'])
})

test('links to the project’s own folders stay out', () => {
  expect(needed({ '': { dependencies: on('own') }, 'node_modules/own': { link: true }, own: {} })).toEqual([])
})

test('peers come along, optional ones only where somebody names them', () => {
  const a = { peerDependencies: on('p', 'q'), peerDependenciesMeta: { q: { optional: true } } }
  const rest = { 'node_modules/a': a, 'node_modules/p': {}, 'node_modules/q': {} }
  expect(needed({ '': { dependencies: on('a') }, ...rest })).toEqual(['node_modules/a', 'node_modules/p'])
  expect(needed({ '': { dependencies: on('a', 'q') }, ...rest })).toEqual(['node_modules/a', 'node_modules/p', 'node_modules/q'])
})

test('what is optional may be missing, anything else may not', () => {
  const packages = {
    '': { dependencies: on('a') },
    'node_modules/a': { optionalDependencies: on('for-mac'), dependencies: on('b') },
    'node_modules/for-mac': {},
    'node_modules/b': {},
  }
  expect(needed(packages, ['node_modules/for-mac'])).toEqual(['node_modules/a', 'node_modules/b'])
  expect(() => needed(packages, ['node_modules/b'])).toThrow('b, which node_modules/a needs, is not installed. Run `npm ci` first.')
  expect(() => needed({ '': { dependencies: on('c') } })).toThrow('c, which the project needs, is not installed.')
})
