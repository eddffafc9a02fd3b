import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAlive, type OwnContainer } from './container-spec.ts'
import { KILL_MARGIN_MS, planContainers, type Step } from './plan.ts'

const NOW = 1_000_000
/** "a1 running", "a1 running ending": instance a of config 1. With "late", its drain time is over. */
const container = (text: string, index = 0): OwnContainer => {
  const [name, state, ...rest] = text.split(' ')
  const until = rest.includes('late') ? NOW - KILL_MARGIN_MS : NOW + 1
  return {
    containerId: String(index),
    instance: name!.slice(0, 1),
    config: name!.slice(1),
    drainTimeoutMs: 1_000,
    state: state!,
    ...(rest.includes('ending') ? { ending: { since: NOW - 10_000, until } } : {}),
  }
}
const words = (step: Step) => (step.does === 'create' ? `create ${step.instance}` : `${step.does} ${step.container.containerId}`)
const plan = (wanted: string | undefined, found: readonly string[]) =>
  planContainers(
    wanted === undefined
      ? undefined
      : new Map(
          wanted
            .split(' ')
            .filter(Boolean)
            .map((each) => [each.slice(0, 1), each.slice(1)]),
        ),
    found.map(container),
    NOW,
  ).map(words)

describe('what is to be done', () => {
  test.each<[string, string | undefined, string[], string[]]>([
    ['nothing wanted, nothing there', '', [], []],
    ['the first start', 'a1 b1', [], ['create a', 'create b']],
    ['all is well', 'a1 b1', ['a1 running', 'b1 running'], []],
    ['Docker will start it again by itself', 'a1', ['a1 restarting'], []],
    ['somebody paused it: theirs to go on with', 'a1', ['a1 paused'], []],
    ['somebody stopped it', 'a1', ['a1 exited'], ['start 0']],
    ['made, and then control was gone', 'a1', ['a1 created'], ['start 0']],
    ['not wanted any more', '', ['a1 running'], ['end 0']],
    ['not wanted any more while it waits to be started again', '', ['a1 restarting'], ['end 0']],
    ['told to end', '', ['a1 running ending'], []],
    ['told to end, and it has not', '', ['a1 running ending late'], ['kill 0']],
    ['it has ended', '', ['a1 exited ending'], ['remove 0']],
    ['not wanted any more before it ran', '', ['a1 created'], ['remove 0']],
    ['another config: first the old one ends', 'a2', ['a1 running'], ['end 0']],
    ['another config: the old one is ending', 'a2', ['a1 running ending'], []],
    ['another config: the old one has ended', 'a2', ['a1 exited ending'], ['remove 0']],
    ['another config: the old one is being removed', 'a2', ['a1 removing'], []],
    ['wanted again while it is ending: a new one, later', 'a1', ['a1 running ending'], []],
    ['it could not be removed at once', 'a1', ['a1 dead'], ['remove 0']],
    ['somebody made a second one: the one that runs stays', 'a1', ['a1 exited', 'a1 running', 'a1 running'], ['remove 0', 'end 2']],
    ['a second one of another config', 'a1', ['a2 running', 'a1 running'], ['end 0']],
    ['nobody has said yet what is wanted', undefined, ['a1 running', 'b1 exited', 'c1 created'], []],
    ['nobody has said yet, and some were told to end', undefined, ['a1 running ending late', 'b1 exited ending'], ['kill 0', 'remove 1']],
  ])('%s', (_, wanted, found, expected) => {
    expect(plan(wanted, found)).toEqual(expected)
  })
})

/** A daemon as simple as can be, in which everything takes its time and anything may happen. */
function world() {
  let now = NOW
  let made = 0
  let containers: OwnContainer[] = []
  const change = (id: string, over: Partial<OwnContainer>) => {
    containers = containers.map((each) => (each.containerId === id ? { ...each, ...over } : each))
  }
  const remove = (id: string) => {
    containers = containers.filter(({ containerId }) => containerId !== id)
  }
  return {
    containers: () => containers,
    pass(wanted: ReadonlyMap<string, string>) {
      for (const step of planContainers(wanted, containers, now)) {
        if (step.does === 'create') {
          expect(containers.filter(({ instance }) => instance === step.instance)).toEqual([])
          const config = wanted.get(step.instance)!
          containers = [...containers, { containerId: `${made++}`, instance: step.instance, config, drainTimeoutMs: 500, state: 'running' }]
          continue
        }
        const { containerId } = step.container
        if (step.does === 'start') change(containerId, { state: 'running' })
        if (step.does === 'end') change(containerId, { ending: { since: now, until: now + step.container.drainTimeoutMs } })
        if (step.does === 'kill') change(containerId, { state: 'exited' })
        if (step.does === 'remove') remove(containerId)
      }
    },
    happens(what: number, which: number) {
      now += 250
      const chosen = containers[which % Math.max(1, containers.length)]
      if (!chosen) return
      const states = ['running', 'restarting', 'exited', 'paused', 'dead', 'created', 'removing']
      const state = states[what % states.length]!
      if (state === 'removing') remove(chosen.containerId)
      // One that was told to end does not run again: Docker keeps to that.
      else if (!(chosen.ending && !isAlive(chosen))) change(chosen.containerId, { state })
    },
    wait: () => {
      now += 1_000
    },
  }
}

test('whatever happens: never a second one, and in the end exactly what is wanted runs', () => {
  const set = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2'))
  const turn = fc.record({ set, what: fc.nat(20), which: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 25 }), (turns) => {
      const daemon = world()
      let wanted = new Map<string, string>()
      for (const { set, what, which } of turns) {
        wanted = new Map(Object.entries(set))
        daemon.pass(wanted)
        daemon.happens(what, which)
      }
      for (let i = 0; i < 12; i++) {
        daemon.wait()
        daemon.pass(wanted)
      }
      const runs = daemon
        .containers()
        .map(({ instance, config, state, ending }) => `${instance}${config} ${isAlive({ state } as OwnContainer)} ${ending}`)
      expect(runs.sort()).toEqual([...wanted].map(([id, config]) => `${id}${config} true undefined`).sort())
    }),
  )
})
