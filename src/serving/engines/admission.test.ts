import { describe, expect, it } from 'vitest'
import { Admission } from './admission.ts'

const open = new AbortController().signal

describe('Admission', () => {
  it('admits up to the slots, then first come first served', async () => {
    const admission = new Admission(1, 5)
    const order: number[] = []
    const [first] = admission.enter(1, open, 1)
    const waiting = [1, 2, 3].map(async (i) => {
      const slot = await admission.enter(1, open, 1)[0]!
      order.push(i)
      slot.release()
    })
    expect([admission.running, admission.waiting]).toEqual([1, 3])
    ;(await first!).release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
    expect([admission.running, admission.waiting]).toEqual([0, 0])
  })

  it('refuses what does not fit in the line, all of it', () => {
    const admission = new Admission(2, 2)
    admission.enter(3, open, 4)
    expect(() => admission.enter(2, open, 4)).toThrow(expect.objectContaining({ status: 429, retryAfter: 4 }))
    expect(admission.waiting).toBe(1)
    admission.enter(1, open, 4)
    expect(() => admission.enter(1, open, 4)).toThrow(expect.objectContaining({ status: 429 }))
  })

  it('refuses what could never fit, naming the parameter', () => {
    expect(() => new Admission(2, 2).enter(5, open, 1)).toThrow(
      expect.objectContaining({ status: 400, body: { error: expect.objectContaining({ param: 'n' }) } }),
    )
  })

  it('lets who waits leave the line, and does not give a slot to who has left', async () => {
    const admission = new Admission(1, 5)
    const slot = await admission.enter(1, open, 1)[0]!
    const controller = new AbortController()
    const leaving = admission.enter(1, controller.signal, 1)[0]!
    const staying = admission.enter(1, open, 1)[0]!
    controller.abort(new Error('left'))
    await expect(leaving).rejects.toThrow('left')
    slot.release()
    slot.release()
    await staying
    expect([admission.running, admission.waiting]).toEqual([1, 0])
  })

  it('takes nobody in who has left already', async () => {
    await expect(new Admission(1, 1).enter(1, AbortSignal.abort(new Error('left')), 1)[0]).rejects.toThrow('left')
  })
})
