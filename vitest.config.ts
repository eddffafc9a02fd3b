import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What waits more than it computes, and measures neither time nor memory that others could spoil: two files at a time. */
const TOGETHER = [
  ...['soak', 'peers', 'docker', 'conformance', 'weights', 'store', 'feed', 'repository', 'hostile', 'cli', 'simulation', 'supervisor'],
  ...['e2e/rollouts', 'e2e/experiments', 'e2e/examples', 'e2e/autoscaling', 'e2e/replacements'],
  ...['faults/control-down', 'faults/clock', 'control/hostile', 'control/instances'],
].map((place) => `test/${place}${place.includes('/') ? '' : '/**/*'}.test.ts`)

/** The console, but for how fast it is painted. Not beside Docker: a network interface that comes or goes makes a browser give up what it loads. */
const BROWSER = ['test/browser/!(paint).test.ts']

/** Those that last longest begin first, so that none of them is left alone at the end. */
const LONGEST = ['soak/soak', 'hostile/pressure', 'browser/every-page', 'e2e/rollouts', 'cli/commands'].map(
  (name) => `test/${name}.test.ts`,
)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(name))
      return at === -1 ? LONGEST.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/** Unit and contract tests lie beside their files; `test/` holds what needs real processes, peers or a browser. */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.{test,contract.test}.ts', 'scripts/**/*.test.ts', 'console/src/**/*.test.ts'],
          testTimeout: 20_000,
          // By itself vitest leaves one core alone.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'together',
          include: TOGETHER,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'browser',
          include: BROWSER,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          exclude: [...TOGETHER, ...BROWSER],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // One file after the other, and after the others: what measures time has the machine for itself.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
