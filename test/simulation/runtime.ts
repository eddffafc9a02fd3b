/** A runtime and its machine, simulated: programs take their time to start and to end, break, hang; the runtime itself goes away and comes back. */
import type { ManualClock } from '../../src/kernel/clock.ts'
import type { InstanceClient } from '../../src/serving/instances/clients.ts'
import type { RunningInstance, Runtime, WantedInstance } from '../../src/serving/runtimes/port.ts'
import type { Chance } from './random.ts'

export interface Program {
  readonly id: string
  readonly config: string
  state: 'starting' | 'running' | 'waiting' | 'ending'
  /** When it goes on to the next state. */
  until: number
  /** From when on it serves, while it runs. */
  servesFrom: number
  restarts: number
  hangs: boolean
  lastEnd?: string
}

export interface Machine {
  readonly runtime: Runtime
  readonly programs: ReadonlyMap<string, Program>
  /** It cannot be asked until then, nor told anything. */
  awayUntil: number
  /** Programs that a fault has hit, and nobody has seen it yet. */
  harmed: Set<string>
  /** It would answer now. */
  serves(id: string): boolean
  connect(id: string): InstanceClient
  /** What the machine does by itself. */
  pass(): void
  crash(id: string): void
  /** It answers nobody any more. */
  hang(id: string): void
}

const LONGEST_START_MS = 4_000
const LONGEST_LOAD_MS = 8_000

/** `gone`: a program has ended, and whatever it answered is cut. `forbid`: something that must never be asked of a machine. */
export function simulatedMachine(clock: ManualClock, luck: Chance, gone: (id: string) => void, forbid: (what: string) => void): Machine {
  const programs = new Map<string, Program>()
  let wanted: ReadonlyMap<string, WantedInstance> | undefined
  const harmed = new Set<string>()
  const now = () => clock.monotonic()

  const begin = ({ id, config }: WantedInstance) => {
    if (programs.has(id)) forbid(`two of ${id} at one time`)
    programs.set(id, {
      id,
      config,
      state: 'starting',
      until: now() + luck.between(0, LONGEST_START_MS),
      servesFrom: 0,
      restarts: 0,
      hangs: false,
    })
  }
  const settle = () => {
    if (!wanted) return
    for (const program of programs.values())
      if (program.state !== 'ending' && wanted.get(program.id)?.config !== program.config) {
        program.state = 'ending'
        program.until = now() + luck.between(0, 2_000)
      }
    for (const instance of wanted.values()) if (!programs.has(instance.id)) begin(instance)
  }
  const end = (program: Program, how: string) => {
    if (program.state === 'ending') return
    harmed.add(program.id)
    gone(program.id)
    Object.assign(program, { state: 'waiting', until: now() + luck.between(0, 3_000), lastEnd: how, hangs: false })
  }
  const here = () => {
    if (now() < machine.awayUntil) throw new Error('the runtime is away')
  }

  const isUp = (program: Program | undefined) => program?.state === 'running' && !program.hangs

  const runtime: Runtime = {
    async observe() {
      here()
      return [...programs.values()].map(
        ({ id, config, state, restarts, lastEnd }): RunningInstance => ({
          ...{ id, config, state, restarts, since: clock.now() },
          ...(state === 'running' ? { address: { socketPath: id } } : {}),
          ...(lastEnd === undefined ? {} : { lastEnd }),
        }),
      )
    },
    async want(instances) {
      if (new Set(instances.map(({ id }) => id)).size < instances.length) forbid('one instance is wanted twice')
      wanted = new Map(instances.map((each) => [each.id, each]))
      here()
      settle()
    },
    async restart(id) {
      here()
      const program = programs.get(id)
      if (program) end(program, 'killed')
    },
    logs: async () => [],
    onChange: () => () => undefined,
    close: async () => undefined,
  }

  const machine: Machine = {
    ...{ runtime, programs, harmed, awayUntil: 0 },
    serves: (id) => {
      const program = programs.get(id)
      return isUp(program) && now() >= program!.servesFrom
    },
    connect: (id) => {
      const answer = async () => ({ reachable: isUp(programs.get(id)), ready: machine.serves(id) })
      return {
        ready: answer,
        alive: async () => (await answer()).reachable,
        ask: async () => {
          if (luck.happens(0.1)) throw new Error('HTTP 500')
        },
        describe: async () => undefined,
        close: async () => undefined,
      }
    },
    pass() {
      for (const program of programs.values()) {
        if (now() < program.until) continue
        if (program.state === 'ending') {
          programs.delete(program.id)
          gone(program.id)
        }
        if (program.state === 'waiting') {
          program.restarts += 1
          program.state = 'starting'
          program.until = now() + luck.between(0, LONGEST_START_MS)
        } else if (program.state === 'starting') {
          program.state = 'running'
          program.servesFrom = now() + luck.between(0, LONGEST_LOAD_MS)
        }
      }
      if (now() >= machine.awayUntil) settle()
    },
    crash(id) {
      const program = programs.get(id)
      if (program) end(program, 'exit code 1')
    },
    hang(id) {
      programs.get(id)!.hangs = true
      harmed.add(id)
    },
  }
  return machine
}
