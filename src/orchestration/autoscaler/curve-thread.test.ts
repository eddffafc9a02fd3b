import { expect, test } from 'vitest'
import { deriveCurve } from './curve.ts'
import { createCurveThread } from './curve-thread.ts'

const job = {
  ...{ name: 'v', served: [], objectiveMs: 500 },
  simulated: { firstTokenMs: 50, tokensPerSecond: 50, sequences: 4, contextSize: 4096, answerTokens: 20 },
}

test('a curve that is made in a thread is the same, and control goes on meanwhile', async () => {
  const thread = createCurveThread()
  let turns = 0
  const turning = setInterval(() => (turns += 1), 5)
  const made = await thread.derive(job)
  clearInterval(turning)
  expect(made).toEqual(deriveCurve(job))
  expect(turns).toBeGreaterThan(5)
  await thread.close()
})

test('what fails is told, and does not keep the next from being made', async () => {
  const thread = createCurveThread()
  await expect(thread.derive({ ...job, served: [null as never], simulated: undefined } as never)).rejects.toThrow()
  expect(await thread.derive(job)).toHaveProperty('rate')
  await thread.close()
})

test('one that is being made is let go of when all ends', async () => {
  const thread = createCurveThread()
  const made = thread.derive(job)
  const refused = expect(made).rejects.toThrow()
  await thread.close()
  await refused
  await expect(thread.derive(job)).rejects.toThrow('closed')
})
