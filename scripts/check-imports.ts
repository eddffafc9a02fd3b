/**
 * Imports go one way (docs/architecture.md draws it). Each folder of `src/` names what it may import; everything else is an error.
 * Run by `npm test`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const SRC = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')

/** Folder → folders that it may import besides itself. The longest matching key decides. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  kernel: [],
  wire: ['kernel'],
  resources: ['kernel'],
  balancing: [],
  supervisor: ['kernel'],
  store: ['kernel', 'resources'],
  monitoring: ['kernel', 'resources', 'store'],
  serving: ['kernel', 'wire', 'resources', 'store', 'monitoring'],
  'serving/engines': ['kernel', 'wire', 'resources', 'monitoring/metrics'],
  'orchestration/statistics': [],
  'orchestration/autoscaling': ['kernel', 'resources'],
  'orchestration/simulator': ['kernel', 'resources', 'balancing', 'orchestration/autoscaling'],
  'orchestration/autoscaler': [
    'kernel',
    'resources',
    'store',
    'monitoring',
    'orchestration/autoscaling',
    'orchestration/simulator',
    'orchestration/prometheus',
  ],
  'orchestration/comparison': ['kernel', 'resources', 'monitoring', 'orchestration/statistics'],
  'orchestration/prometheus': ['kernel'],
  'orchestration/rollouts': ['kernel', 'resources', 'store', 'monitoring', 'orchestration/comparison', 'orchestration/prometheus'],
  'orchestration/experiments': [
    'kernel',
    'resources',
    'store',
    'monitoring',
    'orchestration/statistics',
    'orchestration/comparison',
    'orchestration/rollouts',
  ],
  gateway: ['kernel', 'wire', 'resources', 'balancing', 'monitoring/metrics', 'monitoring/records', 'monitoring/request-records.ts'],
  control: ['kernel', 'wire', 'resources', 'store', 'serving', 'orchestration', 'monitoring'],
  cli: ['kernel', 'wire', 'resources', 'store', 'serving', 'monitoring', 'orchestration', 'control', 'gateway', 'supervisor'],
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(test|contract|contract\.test)\.ts$/.test(name))
    .sort()
}

function ruleFor(file: string): [string, readonly string[]] | undefined {
  const key = Object.keys(MAY_IMPORT)
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0]
  return key === undefined ? undefined : [key, MAY_IMPORT[key]!]
}

const problems: string[] = []
for (const file of filesBelow(SRC)) {
  const rule = ruleFor(file)
  if (!rule) {
    problems.push(`src/${file}: its folder has no rule in scripts/check-imports.ts`)
    continue
  }
  const [own, allowed] = rule
  const text = readFileSync(join(SRC, file), 'utf8')
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
    const to = relative(SRC, join(SRC, dirname(file), target!))
    if (to.startsWith('..')) continue
    if ([own, ...allowed].some((folder) => to === folder || to.startsWith(`${folder}/`))) continue
    problems.push(`src/${file} imports ${to}; ${own} may import ${allowed.length ? allowed.join(', ') : 'nothing else'}`)
  }
}

if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n${problems.length} import${problems.length === 1 ? '' : 's'} against the direction.\n`)
  process.exit(1)
}
