/**
 * Mistakes that people make in manifests, each with the line and column where it is told. "‸" stands in the text before each place that is
 * expected to be pointed at, in order; what is said there follows. What is not marked is not to be complained of.
 */
import { expect, test } from 'vitest'
import { readDocuments } from '../../src/cli/manifest/documents.ts'
import { formatProblems, type LocatedProblem, locateProblem, locateSyntaxProblem } from '../../src/cli/manifest/report.ts'
import { palette } from '../../src/cli/terminal.ts'
import { checkResources } from '../../src/resources/cross-checks.ts'
import { validateResource } from '../../src/resources/problems.ts'

const MARK = '‸'
const HEAD = 'apiVersion: strata.dev/v1alpha1\n'
const SHA = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'

/** The whole way of a manifest that `strata apply` sends to an empty system: parse, validate, cross-check, locate. */
function problemsOf(file: string, text: string): LocatedProblem[] {
  const { documents, problems } = readDocuments(file, text)
  const checked = documents.map(({ value }) => validateResource(value))
  const wrong = checked.flatMap((one, document) => ('problems' in one ? one.problems.map((problem) => ({ document, ...problem })) : []))
  const candidates = checked.flatMap((one, document) => ('resource' in one ? [{ document, resource: one.resource }] : []))
  const existing = { get: () => undefined, list: () => [] }
  const refused = wrong.length + problems.length > 0 ? [] : checkResources(candidates, existing)
  const located = [...problems.map(locateSyntaxProblem), ...[...wrong, ...refused].map((problem) => locateProblem(documents, problem))]
  return located.sort((a, b) => a.line - b.line || a.column - b.column)
}

function unmarked(marked: string): { text: string; places: { line: number; column: number }[] } {
  const places: { line: number; column: number }[] = []
  let text = ''
  for (const [i, part] of marked.split(MARK).entries()) {
    const lines = text.split('\n')
    if (i > 0) places.push({ line: lines.length, column: lines.at(-1)!.length + 1 })
    text += part
  }
  return { text, places }
}

const model = (spec = '{}') => `${HEAD}kind: Model\nmetadata: { name: m }\nspec: ${spec}\n`
const version = (rest: string, source = '{ engine: { kind: simulated } }') =>
  `${HEAD}kind: ModelVersion\nmetadata: { name: m-v1 }\nspec:\n  model: m\n  version: v1\n  source: ${source}\n${rest}`
const route = (spec: string) => `${HEAD}kind: Route\nmetadata: { name: r }\nspec:\n${spec}`
const limit = (spec: string) => `${HEAD}kind: Limit\nmetadata: { name: l }\nspec:\n${spec}`
const consumer = (spec: string) => `${HEAD}kind: Consumer\nmetadata: { name: c }\nspec:\n${spec}`
const backend = (spec: string) => `${HEAD}kind: Backend\nmetadata: { name: b }\nspec:\n${spec}`
const together = (...documents: string[]) => documents.join('---\n')

const CASES: [name: string, manifest: string, ...said: string[]][] = [
  // The head of a document.
  ['no apiVersion', `‸kind: Model\nmetadata: { name: m }\nspec: {}\n`, 'missing field "apiVersion" (expected "strata.dev/v1alpha1")'],
  ['another apiVersion', `apiVersion: ‸apps/v1\nkind: Model\nmetadata: { name: m }\nspec: {}\n`, '"apps/v1" is not an apiVersion'],
  ['a misspelt apiVersion field', `‸apiversion: strata.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\n`, 'did you mean "apiVersion"?'],
  ['no kind', `‸${HEAD}metadata: { name: m }\nspec: {}\n`, 'missing field "kind" (expected Model, Limit'],
  ['an unknown kind', `${HEAD}kind: ‸Deployment\nmetadata: { name: m }\nspec: {}\n`, 'unknown kind "Deployment"'],
  [
    'a misspelt kind',
    `${HEAD}kind: ‸ModelVersoin\nmetadata: { name: m }\nspec: {}\n`,
    'unknown kind "ModelVersoin"; did you mean "ModelVersion"?',
  ],
  ['a kind in lower case', `${HEAD}kind: ‸route\nmetadata: { name: m }\nspec: {}\n`, 'did you mean "Route"?'],
  ['no metadata', `‸${HEAD}kind: Model\nspec: {}\n`, 'missing field "metadata"'],
  ['metadata without a name', `${HEAD}kind: Model\n‸metadata: { labels: { a: b } }\nspec: {}\n`, 'missing field "name"'],
  [
    'a name with capitals',
    `${HEAD}kind: Model\nmetadata: { name: ‸My_Model }\nspec: {}\n`,
    '"My_Model" does not fit (expected a DNS label',
  ],
  ['a number as a name', `${HEAD}kind: Model\nmetadata:\n  name: ‸12\nspec: {}\n`, '12 is not a string (expected a string: "12")'],
  [
    'an unknown field in metadata',
    `${HEAD}kind: Model\nmetadata: { name: m, ‸lables: { a: b } }\nspec: {}\n`,
    'unknown field "lables"; did you mean "labels"?',
  ],
  [
    'a label that is no text',
    `${HEAD}kind: Model\nmetadata: { name: m, labels: { tier: ‸1 } }\nspec: {}\n`,
    '1 is not a string (expected a string: "1")',
  ],
  [
    'an unknown field at the top',
    `${HEAD}kind: Model\nmetadata: { name: m }\n‸sepc: {}\nspec: {}\n`,
    'unknown field "sepc"; did you mean "spec"?',
  ],
  ['no document but a list', `‸- a\n- b\n`, 'a list is not a manifest (expected apiVersion, kind, metadata and spec)'],
  ['no document but a word', `‸hello\n`, '"hello" is not a manifest'],

  // Fields of a spec.
  ['no spec', `‸${HEAD}kind: Route\nmetadata: { name: r }\n`, 'missing field "spec"'],
  ['a spec that is empty', `${HEAD}kind: Route\nmetadata: { name: r }\n‸spec:\n`, '"spec" is empty'],
  ['a spec that is a text', model('‸hello'), '"hello" is not a mapping of fields'],
  ['a value of another set', model('{ task: ‸chats }'), '"chats" is not one of the allowed values; did you mean "chat"?'],
  [
    'a value of none',
    model('{ task: ‸paint }'),
    '"paint" is not one of the allowed values (expected "chat", "completion", "embedding" or "tensor")',
  ],
  ['a required list that is missing', together(route('  models: [m]\n').replace('spec:', '‸spec:')), 'missing field "targets"'],
  ['a list that is empty', route('  ‸models: []\n  targets: [{ version: m-v1 }]\n'), 'the list has 0 (expected at least 1 entry)'],
  ['a text where a list is wanted', route('  models: ‸assistant\n  targets: [{ version: m-v1 }]\n'), '"assistant" is not a list'],
  [
    'a misspelt field in a list',
    route('  models: [m]\n  targets:\n    - version: m-v1\n      ‸wieght: 100\n'),
    'unknown field "wieght"; did you mean "weight"?',
  ],
  [
    'a word where a number is wanted',
    route('  models: [m]\n  targets: [{ version: m-v1, weight: ‸lots }]\n'),
    '"lots" is not a number (expected an integer from 0 to 100)',
  ],
  [
    'a share above 100',
    route('  models: [m]\n  targets: [{ version: m-v1, weight: ‸101 }]\n'),
    '101 is too big (expected an integer from 0 to 100)',
  ],
  ['half a percent', route('  models: [m]\n  targets:\n    - version: m-v1\n      weight: ‸99.5\n'), '99.5 is not an integer'],
  [
    'shares that do not add up',
    route('  models: [m]\n  ‸targets:\n    - { version: a, weight: 90 }\n    - { version: b, weight: 20 }\n'),
    'the weights add up to 110 (expected weights that add up to 100)',
  ],
  [
    'a duration without a unit',
    route('  models: [m]\n  targets: [{ version: m-v1 }]\n  timeouts: { total: ‸"30" }\n'),
    '"30" does not fit (expected a duration such as',
  ],
  ['a number as a duration', route('  models: [m]\n  targets: [{ version: m-v1 }]\n  timeouts:\n    idle: ‸30\n'), '30 is not a string'],
  [
    'a model name with @',
    route('  models: [‸m@v1]\n  targets: [{ version: m-v1 }]\n'),
    '"m@v1" does not fit (expected no "@" and no white space',
  ],
  [
    'a reason to fall back that there is not',
    route('  models: [m]\n  targets: [{ version: m-v1 }]\n  fallbacks:\n    - version: m-v1\n      on: [timeout, ‸overload]\n'),
    '"overload" is not one of the allowed values; did you mean "overloaded"?',
  ],
  [
    'too many attempts',
    route('  models: [m]\n  targets: [{ version: m-v1 }]\n  retries: { attempts: ‸10 }\n'),
    '10 is too big (expected an integer from 0 to 3)',
  ],
  [
    'a field that nothing is like',
    route('  models: [m]\n  targets: [{ version: m-v1 }]\n  ‸color: blue\n'),
    'unknown field "color" (expected models, targets',
  ],

  // Unions: which branch was meant.
  [
    'a source with nothing in it',
    version('', '‸{}').replace('source: ‸{}', '‸source: {}'),
    'no field is set (expected exactly one of engine, image, backend)',
  ],
  [
    'a source with both',
    version('').replace('source: { engine: { kind: simulated } }', '‸source: { engine: { kind: simulated }, backend: { name: b } }'),
    'engine, backend are set (expected exactly one of engine, image, backend)',
  ],
  ['an engine of no kind', version('', '{ ‸engine: {} }'), 'missing field "kind"'],
  [
    'an engine of another kind',
    version('', '{ engine: { kind: ‸lama } }'),
    '"lama" is not one of the allowed values; did you mean "llama"?',
  ],
  ['llama without weights', version('', '{ ‸engine: { kind: llama } }'), 'missing field "weights"'],
  [
    'a digest that is too short',
    version('', `{ engine: { kind: llama, weights: { sha256: ‸abc, from: ["file:/m.gguf"] } } }`),
    '"abc" does not fit (expected 64 hexadecimal digits)',
  ],
  [
    'a place of no kind',
    version('', `{ engine: { kind: llama, weights: { sha256: ${SHA}, from: [‸s3://bucket/m.gguf] } } }`),
    'expected a place that starts with hf:, pypi:, npm:, https: or file:',
  ],
  [
    'a parameter of the other engine',
    version('', '{ engine: { kind: simulated, parameters: { ‸threads: 2 } } }'),
    'unknown field "threads"',
  ],
  [
    'a context that is too small',
    version('', `{ engine: { kind: llama, weights: { from: ["file:/m"] }, parameters: { contextSize: ‸8 } } }`),
    '8 is too small',
  ],
  ['a rule of no kind', limit('  rules:\n    - ‸request: 10\n      every: 1m\n'), 'unknown field "request"; did you mean "requests"?'],
  ['a rule of two kinds', limit('  rules:\n    - ‸requests: 10\n      concurrent: 2\n'), '"requests" and "concurrent" do not go together'],
  ['an amount of nothing', limit('  rules:\n    - tokens: ‸0\n'), '0 is too small (expected an integer ≥ 1)'],
  [
    'an amount that is a word',
    limit('  per: key\n  rules:\n    - requests: ‸lots\n      every: 1m\n'),
    '"lots" is not a number (expected an integer ≥ 1)',
  ],
  ['a bucket for what there is not', limit('  per: ‸user\n  rules: [{ concurrent: 1 }]\n'), '"user" is not one of the allowed values'],
  [
    'a secret written out',
    backend('  protocol: openai\n  address: http://10.0.0.7/v1\n  credentials: { bearer: ‸sk-secret }\n'),
    'a plain value does not fit here (expected { env } or { file })',
  ],
  ['an address without a scheme', backend('  protocol: openai\n  address: ‸10.0.0.7:8000\n'), 'expected an http:// or https:// address'],
  [
    'a protocol that is none',
    backend('  protocol: ‸triton\n  address: http://10.0.0.7/v1\n'),
    '"triton" is not one of the allowed values (expected "openai", "oip", "torchserve" or "tensorflow-serving")',
  ],
  [
    'a priority that there is not',
    consumer('  priority: ‸high\n'),
    '"high" is not one of the allowed values (expected "interactive", "standard" or "batch")',
  ],
  ['yes where true is meant', consumer('  pinVersions: ‸yes\n'), '"yes" is not true or false'],
  ['a temperature beyond all bounds', version('  sampling: { temperature: ‸3 }\n'), '3 is too big'],

  // References.
  ['a version of a model that there is not', version('').replace('model: m', 'model: ‸m'), 'there is no Model "m"'],
  ['a target that there is not', route('  models: [m]\n  targets:\n    - version: ‸m-v1\n'), 'there is no ModelVersion "m-v1"'],
  [
    'a near name among those of the same file',
    together(model(), version(''), route('  models: [m]\n  targets: [{ version: ‸m-v2 }]\n')),
    'did you mean "m-v1"?',
  ],
  ['a limit that there is not', consumer('  limits: [‸basic]\n'), 'there is no Limit "basic"'],

  // YAML itself.
  ['a field twice', `${HEAD}kind: Model\nmetadata:\n  name: m\n  ‸name: n\nspec: {}\n`, 'duplicate key "name"'],
  ['a tab', `${HEAD}kind: Model\nmetadata:\n‸\tname: m\nspec: {}\n`, 'a tab stands where only spaces may indent'],
  ['a bracket that is not closed', `${HEAD}kind: Model\nmetadata: { name: m\n‸spec: {}\n`, 'flow map'],
  [
    'a quote that is not closed',
    `${HEAD}kind: Model\nmetadata: { name: m }\nspec: { description: ‸"hello }\n`,
    'the quote " is never closed',
  ],
  ['an alias of nothing', `${HEAD}kind: Model\nmetadata: ‸*meta\nspec: {}\n`, 'unresolved alias'],
  [
    'a value beside its indentation',
    `${HEAD}kind: Model\nmetadata:\n  name: m\n ‸labels: {}\nspec: {}\n`,
    'all mapping items must start at the same column',
  ],
  [
    'a few lines that would grow to gigabytes',
    `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [‸*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n`,
    'aliases make it grow beyond all bounds',
  ],

  // Several at once.
  [
    'all mistakes of all documents',
    together(
      model('{ task: ‸paint }'),
      `‸${HEAD}kind: Model\nspec: {}\n`,
      route('  models: [m]\n  targets: [{ ‸vresion: x }]\n  timeouts: { total: ‸soon }\n'),
    ),
    '"paint"',
    'missing field "metadata"',
    'did you mean "version"?',
    '"soon" does not fit',
  ],
  ['the same thing twice', together(model(), model().replace('name: m', 'name: ‸m')), 'Model/m'],
  [
    'in what an anchor names',
    `${HEAD}kind: Route\nmetadata: { name: r }\nspec:\n  models: [m]\n  targets: [{ version: a }]\n  timeouts: { connect: &t ‸soon, idle: 1s }\n`,
    '"soon" does not fit',
  ],
]

test('there are at least sixty', () => {
  expect(CASES.length).toBeGreaterThanOrEqual(60)
  expect(new Set(CASES.map(([name]) => name)).size).toBe(CASES.length)
})

test.each(CASES)('%s', (_name, marked, ...said) => {
  const { text, places } = unmarked(marked)
  const problems = problemsOf('shop.yaml', text)
  expect(problems.map(({ line, column, text: message }) => ({ line, column, message }))).toEqual(
    places.map((place, i) => ({ ...place, message: expect.stringContaining(said[i]!) })),
  )
})

test('lines as a person reads them', () => {
  const { text } = unmarked(
    together(
      route('  models: [m]\n  targets:\n    - version: m-v1\n      wieght: 100\n'),
      limit('  rules:\n    - requests: lots\n      every: 1m\n'),
    ),
  )
  expect(formatProblems(problemsOf('shop.yaml', text), palette({ write: () => undefined }, {}), ['shop.yaml'])).toBe(
    [
      'shop.yaml:8:7    Route/r  spec.targets[0].wieght',
      '                 unknown field "wieght"; did you mean "weight"?',
      'shop.yaml:15:17  Limit/l  spec.rules[0].requests',
      '                 "lots" is not a number (expected an integer ≥ 1)',
      '2 errors in 1 file; nothing was applied.',
    ].join('\n'),
  )
})

test('JSON is YAML: its places are told as well; Windows line ends and a byte order mark move nothing', () => {
  const json =
    '{\n  "apiVersion": "strata.dev/v1alpha1",\n  "kind": "Model",\n  "metadata": { "name": "m" },\n  "spec": { "task": "paint" }\n}\n'
  expect(problemsOf('m.json', json)).toMatchObject([{ line: 5, column: 21 }])
  const windows = `\uFEFF${model('{ task: paint }').replaceAll('\n', '\r\n')}`
  expect(problemsOf('m.yaml', windows)).toMatchObject([{ line: 4, column: 15 }])
})

test('brackets nested without end are told, and do not end the program', () => {
  const [problem] = problemsOf('deep.yaml', `a: ${'['.repeat(100_000)}`)
  expect(problem).toMatchObject({ file: 'deep.yaml' })
})
