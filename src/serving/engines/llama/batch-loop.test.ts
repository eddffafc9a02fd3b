import { afterEach, describe, expect, it } from 'vitest'
import { BatchLoop, type Job } from './batch-loop.ts'
import type { NativeContext } from './binding.ts'
import { Sequences } from './sequences.ts'

/** Records its batches, as "sequence@position+tokens", and decodes when it is told to. */
class FakeContext implements NativeContext {
  readonly batches: string[][] = []
  removable = true
  failure: Error | undefined
  onDecode: () => void = () => undefined

  initBatch(): void {
    this.batches.push([])
  }
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logits: Uint32Array): Uint32Array {
    this.batches.at(-1)!.push(`${sequence}@${position}+${tokens.length}`)
    return logits
  }
  async decodeBatch(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.onDecode()
    if (this.failure) throw this.failure
  }
  sampleToken(): Promise<never> {
    throw new Error('jobs sample for themselves here')
  }
  disposeSequence(): void {}
  removeTokenCellsFromSequence(): boolean {
    return this.removable
  }
  getSequenceKvCacheMinPosition(): number {
    return 0
  }
}

function job(promptTokens: number, answerTokens: number, first = 100) {
  const controller = new AbortController()
  const { promise: ended, resolve } = Promise.withResolvers<unknown>()
  let left = answerTokens
  const made = {
    prompt: Array.from({ length: promptTokens }, (_, i) => first + i),
    signal: controller.signal,
    paused: false,
    cached: -1,
    accepted: 0,
    controller,
    ended,
    begin(cached: number) {
      made.cached = cached
    },
    sample: async () => ({ token: 7 }),
    accept() {
      made.accepted++
      return --left > 0
    },
    end: (error?: unknown) => resolve(error),
  }
  return made satisfies Job
}

describe('BatchLoop', () => {
  let loop: BatchLoop
  const start = (sequences: number, context = new FakeContext(), inOrder = false) => {
    loop = new BatchLoop(context, new Sequences(sequences), 512, inOrder)
    return context
  }
  afterEach(() => loop.close())

  it('reads a prompt in slices, then writes a token a turn', async () => {
    const context = start(1)
    const one = job(300, 3)
    loop.start(one)
    expect(await one.ended).toBeUndefined()
    expect(context.batches).toEqual([['0@0+128'], ['0@128+128'], ['0@256+44'], ['0@300+1'], ['0@301+1']])
    expect([one.cached, one.accepted]).toEqual([0, 3])
  })

  it('puts neighbours into one batch, by sequence id, and shortens the slices beside them', async () => {
    const context = start(2)
    const writer = job(4, 6)
    loop.start(writer)
    context.onDecode = () => {
      if (context.batches.length === 2) loop.start(reader)
    }
    const reader = job(100, 1, 500)
    expect(await Promise.all([writer.ended, reader.ended])).toEqual([undefined, undefined])
    expect(context.batches.slice(0, 4)).toEqual([['0@0+4'], ['0@4+1'], ['0@5+1', '1@0+64'], ['0@6+1', '1@64+36']])
  })

  it('shares the slice among prompts, so that a short one gets past a long one', async () => {
    const context = start(2)
    const long = job(1_000, 1)
    const short = job(20, 1, 5_000)
    loop.start(long)
    loop.start(short)
    await short.ended
    expect(context.batches).toEqual([['0@0+108', '1@0+20']])
    await long.ended
  })

  it('keeps what a prompt repeats, unless the model cannot forget a part', async () => {
    const context = start(1)
    await finish(job(200, 1))
    const same = job(150, 1)
    await finish(same)
    expect(same.cached).toBe(149)
    context.removable = false
    const again = job(150, 1)
    await finish(again)
    // All 150 cells are the prompt's, but the last one has to go, and cannot alone.
    expect(again.cached).toBe(0)
  })

  it('is rid of an aborted job after the slice at hand, and of a writing one before its next token', async () => {
    const context = start(2)
    const reader = job(1_000, 1)
    context.onDecode = () => reader.controller.abort(new Error('gone'))
    loop.start(reader)
    expect(await reader.ended).toMatchObject({ message: 'gone' })
    expect(context.batches).toEqual([['0@0+128']])
    const writer = job(4, 100)
    context.onDecode = () => {
      if (writer.accepted === 2) writer.controller.abort(new Error('gone'))
    }
    loop.start(writer)
    await writer.ended
    expect(writer.accepted).toBe(2)
  })

  it('lets a job wait whose reader is behind, and its neighbours not', async () => {
    start(2)
    const slow = { ...job(4, 3), paused: true }
    const quick = job(4, 3, 500)
    loop.start(slow)
    loop.start(quick)
    await quick.ended
    slow.paused = false
    loop.wake()
    expect(await slow.ended).toBeUndefined()
  })

  it('ends the jobs of a failed batch with its error, and goes on with others', async () => {
    const context = start(2)
    context.failure = new Error('no room')
    const one = job(4, 1)
    loop.start(one)
    expect(await one.ended).toMatchObject({ message: 'no room' })
    context.failure = undefined
    const next = job(4, 1)
    await finish(next)
    expect(next.cached).toBe(0)
  })

  it('queues the choice of a token right behind its batch where work is done in order', async () => {
    const context = start(2, new FakeContext(), true)
    const order: string[] = []
    context.onDecode = () => order.push('decoded')
    const [one, other] = [job(300, 2), job(4, 1, 500)]
    for (const [name, made] of Object.entries({ one, other })) {
      made.sample = async () => {
        order.push(name)
        return { token: 7 }
      }
      loop.start(made)
    }
    expect(await Promise.all([one.ended, other.ended])).toEqual([undefined, undefined])
    // The short prompt is read in the first batch, the long one in the third.
    expect(order).toEqual(['other', 'decoded', 'decoded', 'one', 'decoded', 'one', 'decoded'])
    expect([one.accepted, other.accepted]).toEqual([2, 1])
  })

  it('drops what was chosen for a job that was aborted meanwhile', async () => {
    const context = start(1, new FakeContext(), true)
    const one = job(4, 10)
    context.onDecode = () => one.controller.abort(new Error('gone'))
    loop.start(one)
    expect(await one.ended).toMatchObject({ message: 'gone' })
    expect(one.accepted).toBe(0)
  })

  it('ends the jobs of a failed batch when their samplers are at rest', async () => {
    const context = start(1, new FakeContext(), true)
    context.failure = new Error('no room')
    const one = job(4, 1)
    const chosen = Promise.withResolvers<{ token: number }>()
    one.sample = () => chosen.promise
    let over = false
    void one.ended.then(() => {
      over = true
    })
    loop.start(one)
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(over).toBe(false)
    chosen.reject(new Error('no logits'))
    expect(await one.ended).toMatchObject({ message: 'no room' })
  })

  it('lets no two ask for the logits of a batch that was evaluated in parts', async () => {
    const context = start(3)
    let asking = 0
    let most = 0
    const jobs = [job(20, 3), job(20, 3, 500), job(20, 3, 900)]
    const mixed: number[] = []
    for (const made of jobs) {
      made.sample = async () => {
        most = Math.max(most, ++asking)
        await new Promise((resolve) => setImmediate(resolve))
        asking--
        return { token: 7 }
      }
      loop.start(made)
    }
    context.onDecode = () => {
      mixed.push(most)
      most = 0
    }
    await Promise.all(jobs.map((made) => made.ended))
    // Nobody before the prompts are read, one by one after, then all together.
    expect(mixed).toEqual([0, 1, 3])
  })

  it('ends running jobs when it closes', async () => {
    start(1)
    const one = job(4, 1_000_000)
    loop.start(one)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await loop.close()
    expect(await one.ended).toBeInstanceOf(Error)
  })

  async function finish(one: ReturnType<typeof job>) {
    loop.start(one)
    return one.ended
  }
})
