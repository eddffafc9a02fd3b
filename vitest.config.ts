import { defineConfig } from 'vitest/config'

/** Unit and contract tests lie beside their files; `test/` holds what needs real processes, peers or a browser. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.{test,contract.test}.ts', 'scripts/**/*.test.ts', 'console/src/**/*.test.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // One file after the other, and after the unit tests: what measures time or memory has the machine for itself.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
