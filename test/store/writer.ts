/** Started by pglite.test.ts and killed in the middle of it. */
import { homeAt } from '../../src/kernel/home.ts'
import { createLog } from '../../src/kernel/log.ts'
import { openStore } from '../../src/store/index.ts'

const store = await openStore({ home: homeAt(process.argv[2]), log: createLog('writer', () => undefined), lockWaitMs: 5_000 })
for (let i = 0; ; i++) {
  const name = `m-${process.pid}-${i}`
  const result = await store.resources.apply([{ apiVersion: 'strata.dev/v1alpha1', kind: 'Model', metadata: { name }, spec: {} }], {
    actor: 'writer',
  })
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  process.send?.(name)
}
