import { describe, expect, it } from 'vitest'
import { Channel } from './channel.ts'

describe('Channel', () => {
  it('hands on in order, and ends', async () => {
    const channel = new Channel<number>(10)
    const read = (async () => {
      const items: number[] = []
      for await (const item of channel.read()) items.push(item)
      return items
    })()
    channel.push(1)
    await Promise.resolve()
    channel.push(2)
    channel.end()
    channel.push(3)
    expect(await read).toEqual([1, 2])
  })

  it('says when it is full, and when there is room again', async () => {
    let room = 0
    const channel = new Channel<number>(2, () => room++)
    channel.push(1)
    expect(channel.full).toBe(false)
    channel.push(2)
    expect(channel.full).toBe(true)
    const reader = channel.read()
    await reader.next()
    expect([channel.full, room]).toEqual([false, 1])
    await reader.next()
    expect(room).toBe(1)
  })

  it('fails at once, dropping what is unread', async () => {
    const channel = new Channel<number>(2)
    channel.push(1)
    channel.fail(new Error('gone'))
    await expect(channel.read().next()).rejects.toThrow('gone')
  })

  it('keeps its end when it fails afterwards', async () => {
    const channel = new Channel<number>(2)
    channel.push(1)
    channel.end()
    channel.fail(new Error('late'))
    const reader = channel.read()
    expect([await reader.next(), await reader.next()]).toMatchObject([{ value: 1 }, { done: true }])
  })
})
