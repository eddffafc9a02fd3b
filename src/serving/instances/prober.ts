/** Asks instances what is due to be asked (lifecycle.ts), each in the background: one that hangs holds up nobody else. */
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { durationMs } from '../../resources/scalars.ts'
import { type connectInstance, type InstanceClient, warmupPath } from './clients.ts'
import type { Instance } from './identity.ts'
import { dueOf, killed, seeLiveness, seeReadiness, seeWarmup } from './lifecycle.ts'
import type { Running } from './running.ts'

const DESCRIBE_AGAIN_MS = 60_000
/** At the start of control, which does not wait longer for what does not answer. */
const FIRST_MS = 1_500

export interface Prober {
  /** Begins whatever is due. */
  look(all: Iterable<Running>): void
  /** Asks all that run whether they serve, and waits for the answers. */
  askAll(all: Iterable<Running>): Promise<void>
}

export function createProber(options: {
  clock: Clock
  log: Log
  connect: typeof connectInstance
  restart(each: Running, why: string): Promise<void>
  onChange(): void
}): Prober {
  const { clock, log, connect, restart, onChange } = options

  const clientOf = (each: Running): InstanceClient | undefined => {
    const { instance, address } = each
    if (!address) return undefined
    const to = JSON.stringify(address)
    if (each.client?.to !== to) {
      void each.client?.of.close()
      each.client = { to, of: connect(instance, address) }
    }
    return each.client.of
  }

  const askReady = async (each: Running, client: InstanceClient, timeoutMs: number) => {
    const { probes, warmup } = each.instance
    const { run } = each.life
    each.asking = true
    each.life = { ...each.life, readinessAt: clock.monotonic() }

    const { load, extensions, ...found } = await client.ready(timeoutMs, probes.readiness.path).finally(() => {
      each.asking = false
    })

    if (each.life.run !== run || each.life.runningSince === undefined) return // another has taken its place meanwhile
    const before = each.life
    each.load = load
    if (extensions) each.extensions = extensions
    each.life = seeReadiness(before, found, probes, warmup !== undefined)
    if (before.ready !== each.life.ready || before.found?.reachable !== found.reachable || before.found?.message !== found.message)
      onChange()
    if (each.life.ready && clock.monotonic() - each.describedAt > DESCRIBE_AGAIN_MS) await describe(each, client)
  }
  const describe = async (each: Running, client: InstanceClient) => {
    each.describedAt = clock.monotonic()
    try {
      each.signature = (await client.describe()) ?? each.signature
      if (each.signature) onChange()
    } catch (error) {
      log.debug('an instance does not describe its model', { instance: each.instance.id, error: messageOf(error) })
    }
  }
  const askAlive = async (each: Running, client: InstanceClient) => {
    const { timeout, path } = each.instance.probes.liveness
    const { run } = each.life
    each.asserting = true
    each.life = { ...each.life, livenessAt: clock.monotonic() }
    const alive = await client.alive(durationMs(timeout), path).finally(() => {
      each.asserting = false
    })
    if (each.life.run === run && each.life.runningSince !== undefined) each.life = seeLiveness(each.life, alive)
  }
  const warmUp = async (each: Running, client: InstanceClient) => {
    const { run } = each.life
    each.life = { ...each.life, warm: 'warming' }
    const problem = await problemOf(each.instance, client)
    if (each.life.run !== run || each.life.runningSince === undefined) return
    if (problem !== undefined) log.warn('an instance does not answer its warm-up requests', { instance: each.instance.id, problem })
    each.life = seeWarmup(each.life, problem, clock.monotonic())
    onChange()
  }

  const guarded = (each: Running, what: Promise<void>) => {
    what.catch((error: unknown) => log.error('an instance could not be asked', { instance: each.instance.id, error: messageOf(error) }))
  }

  return {
    look(all) {
      for (const each of all) {
        const now = clock.monotonic()
        const { probes } = each.instance
        const due = dueOf(each.life, probes, now)
        const client = clientOf(each)
        if (!client) continue
        if (due.restart !== undefined && !each.ended) {
          each.life = killed(each.life, due.restart, now)
          guarded(each, restart(each, due.restart))
          continue
        }
        if (due.readiness && !each.asking) guarded(each, askReady(each, client, durationMs(probes.readiness.timeout)))
        if (due.liveness && !each.asserting) guarded(each, askAlive(each, client))
        if (due.warmup && each.instance.warmup) guarded(each, warmUp(each, client))
      }
    },
    async askAll(all) {
      await Promise.all(
        [...all].map(async (each) => {
          const client = each.life.runningSince === undefined ? undefined : clientOf(each)
          if (client) await askReady(each, client, FIRST_MS)
        }),
      )
    },
  }
}

/** What keeps its warm-up requests from being answered; nothing where all were. */
async function problemOf(instance: Instance, client: InstanceClient): Promise<string | undefined> {
  const { requests, timeout } = instance.warmup!
  const { speech } = instance
  const model = speech.type === 'engine' ? instance.model : speech.protocol === 'openai' ? speech.model : undefined
  for (const [at, { path = warmupPath(instance), body }] of requests.entries()) {
    try {
      await client.ask(path, model === undefined ? body : { model, ...body }, durationMs(timeout))
    } catch (error) {
      return `warm-up request ${at + 1} of ${requests.length}: ${messageOf(error)}`
    }
  }
  return undefined
}
