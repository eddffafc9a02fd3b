import { describe, expect, it, vi } from 'vitest'
import type { CompiledArm, CompiledSplit } from '../../src/resources/snapshot.ts'
import { entriesOf, hello, instance, recordsOf, route, start, type TestGateway, up, version } from './harness.ts'

const ARMS: readonly CompiledArm[] = [
  { name: 'control', version: 'assistant-v1', weight: 50 },
  { name: 'short', version: 'assistant-v1', weight: 30, system: 'Be short.', sampling: { temperature: 0.5, maxTokens: 7 } },
  { name: 'new', version: 'assistant-v2', weight: 20 },
]
const BY_USER: CompiledSplit['stickyBy'] = { header: 'x-user-id', else: 'consumer' }

interface Asked {
  readonly version: string
  readonly body: Record<string, unknown>
}

/** A gateway with an experiment on its route, and an upstream for each version that notes what it is asked. */
async function divided(split: Partial<CompiledSplit> = {}, uid = 'uid-e'): Promise<{ gateway: TestGateway; asked: Asked[] }> {
  const asked: Asked[] = []
  const servers = await Promise.all(
    ['assistant-v1', 'assistant-v2'].map((name) =>
      up((_req, res, body) => {
        asked.push({ version: name, body: JSON.parse(body) as Asked['body'] })
        res.writeHead(200, { 'content-type': 'application/json' })
        res.end('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}')
      }),
    ),
  )
  const { arms = ARMS, stickyBy = BY_USER } = split
  const gateway = await start(
    entriesOf(
      route({
        targets: [
          { version: 'assistant-v1', weight: 80 },
          { version: 'assistant-v2', weight: 20 },
        ],
        division: { by: 'Experiment/e', uid, attempt: 1, arms: [], split: { arms, stickyBy } },
      }),
      version(),
      version({ name: 'assistant-v2', version: 'v2' }),
      instance(servers[0]!.port, { id: 'one' }),
      instance(servers[1]!.port, { id: 'two', version: 'assistant-v2' }),
    ),
  )
  return { gateway, asked }
}

const finishedOf = (gateway: TestGateway) => recordsOf(gateway).filter((record) => record.type === 'finished')

/** The arm of each of so many users, in their order. */
async function armsOf(gateway: TestGateway, users: number): Promise<(string | undefined)[]> {
  const before = finishedOf(gateway).length
  for (let i = 0; i < users; i++) expect((await gateway.post(hello(), { 'x-user-id': `user-${i}` })).status).toBe(200)
  await vi.waitFor(() => expect(finishedOf(gateway).length).toBe(before + users), 5_000)
  return finishedOf(gateway)
    .slice(before)
    .map(({ assignments }) => assignments?.find(({ by }) => by === 'Experiment/e#uid-e#1' || by === 'Experiment/e#uid-f#1')?.arm)
}

const USERS = 300

describe('callers of a route with an experiment', () => {
  it('come to its arms as set, and each stays where it is, on any gateway', async () => {
    const { gateway } = await divided()
    const arms = await armsOf(gateway, USERS)
    const share = (arm: string) => (100 * arms.filter((each) => each === arm).length) / USERS
    for (const { name, weight } of ARMS) expect(Math.abs(share(name) - weight)).toBeLessThan(9)
    expect(await armsOf(gateway, USERS)).toEqual(arms)
    expect(await armsOf((await divided()).gateway, USERS)).toEqual(arms)
  })

  it('come to the arms of another experiment as if this one were not', async () => {
    const halves = ARMS.slice(0, 2).map((arm) => ({ ...arm, weight: 50 }))
    const one = await armsOf((await divided({ arms: halves })).gateway, USERS)
    const other = await armsOf((await divided({ arms: halves }, 'uid-f')).gateway, USERS)
    const same = one.filter((arm, i) => arm === other[i]).length / USERS
    expect(Math.abs(same - 0.5)).toBeLessThan(0.12)
  })

  it('are recorded with their arm, its share and a hash of who they are', async () => {
    const { gateway } = await divided()
    await armsOf(gateway, 40)
    for (const { assigned, assignments } of finishedOf(gateway)) {
      expect(assignments).toHaveLength(1)
      const [{ arm, share, unitKind, unit }] = assignments as [NonNullable<typeof assignments>[number]]
      const known = ARMS.find(({ name }) => name === arm)!
      expect({ share, unitKind, assigned }).toEqual({ share: known.weight, unitKind: 'header', assigned: known.version })
      expect(unit).toMatch(/^[\w-]{16}$/)
    }
    expect(JSON.stringify(recordsOf(gateway))).not.toContain('user-1')
  })

  it('before they are divided are noted, and go where the route says', async () => {
    const { gateway, asked } = await divided({ arms: [] })
    await armsOf(gateway, 100)
    const byVersion = asked.filter(({ version: name }) => name === 'assistant-v2').length
    expect(byVersion).toBeGreaterThan(5)
    expect(byVersion).toBeLessThan(40)
    const [{ assignments }] = finishedOf(gateway) as [ReturnType<typeof finishedOf>[number]]
    expect(assignments?.map(({ by, arm, share, unitKind }) => [by, arm, share, unitKind])).toEqual([
      ['Route/assistant#1', expect.stringMatching(/^assistant-v[12]$/), expect.any(Number), 'random'],
      ['Experiment/e#uid-e#1', '', 0, 'header'],
    ])
  })
})

describe('an arm', () => {
  const only = (name: string) => ({ arms: ARMS.filter((arm) => arm.name === name).map((arm) => ({ ...arm, weight: 100 })) })
  const conversation = (rest: object = {}) => ({ model: 'assistant', messages: [{ role: 'user', content: 'Grüße' }], ...rest })

  it('asks with its prompt and its sampling', async () => {
    const { gateway, asked } = await divided(only('short'))
    await gateway.post(conversation({ seed: 3 }))
    expect(asked[0]).toMatchObject({
      version: 'assistant-v1',
      body: {
        ...{ model: 'assistant', seed: 3, temperature: 0.5, max_tokens: 7 },
        messages: [
          { role: 'system', content: 'Be short.' },
          { role: 'user', content: 'Grüße' },
        ],
      },
    })
  })

  it('leaves alone what the request says itself', async () => {
    const { gateway, asked } = await divided(only('short'))
    const messages = [
      { role: 'system', content: 'Mine.' },
      { role: 'user', content: 'a' },
    ]
    await gateway.post(conversation({ messages, temperature: 1, max_completion_tokens: 3 }))
    expect(asked[0]!.body).toEqual({ model: 'assistant', messages, temperature: 1, max_completion_tokens: 3 })
  })

  it('without either passes the very bytes', async () => {
    const { gateway, asked } = await divided(only('new'))
    await gateway.post(conversation())
    expect(asked).toEqual([{ version: 'assistant-v2', body: conversation() }])
  })

  it('is not what a caller gets who names the version', async () => {
    const { gateway, asked } = await divided(only('new'))
    await gateway.post(conversation({ model: 'assistant@v1' }))
    expect(asked[0]).toMatchObject({ version: 'assistant-v1' })
    await vi.waitFor(() => expect(finishedOf(gateway)).toHaveLength(1), 5_000)
    expect(finishedOf(gateway)[0]!.assignments).toBeUndefined()
  })
})
