/** What a person sees: colours and moving lines on a terminal, the same facts as plain lines elsewhere. */
import { formatBytes } from '../kernel/units.ts'

export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface Palette {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

/** https://no-color.org: any non-empty NO_COLOR switches colours off; FORCE_COLOR switches them on without a terminal. */
export function palette(output: Output = process.stdout, env: NodeJS.ProcessEnv = process.env): Palette {
  const on = env.NO_COLOR ? false : env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : output.isTTY === true && env.TERM !== 'dumb'
  const paint = (open: number, close: number) => (text: string) => (on ? `\x1b[${open}m${text}\x1b[${close}m` : text)
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  }
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/**
 * One line that moves while something goes on. Without a terminal `show` prints a line only when its stage changes, so that a log stays short.
 */
export class LiveLine {
  readonly #output: Output
  readonly #moves: boolean
  #text = ''
  #stage = ''
  #frame = 0
  #timer: NodeJS.Timeout | undefined

  constructor(output: Output = process.stdout, env: NodeJS.ProcessEnv = process.env) {
    this.#output = output
    this.#moves = output.isTTY === true && env.TERM !== 'dumb'
  }

  /** `stage` names what goes on; `detail` changes all the time. */
  show(stage: string, detail = ''): void {
    const text = detail ? `${stage}  ${detail}` : stage
    if (!this.#moves) {
      if (stage !== this.#stage) this.#output.write(`  … ${stage}\n`)
      this.#stage = stage
      return
    }
    this.#stage = stage
    this.#text = text
    this.#draw()
    this.#timer ??= setInterval(() => this.#draw(), 100)
  }

  /** Takes the moving line away and prints `line`, if one is given. */
  done(line?: string): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#moves && this.#text) this.#output.write('\r\x1b[2K')
    this.#text = ''
    this.#stage = ''
    if (line !== undefined) this.#output.write(`${line}\n`)
  }

  #draw(): void {
    const width = (this.#output.columns ?? 80) - 1
    this.#frame = (this.#frame + 1) % FRAMES.length
    this.#output.write(`\r\x1b[2K${cut(`  ${FRAMES[this.#frame]} ${this.#text}`, width)}`)
  }
}

function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

/** "████████░░░░  61 %  57 of 94 MB · 12 MB/s · 3 s left"; without a total only what came and how fast. */
export function progressText(received: number, total: number | undefined, bytesPerSecond: number | undefined): string {
  const rate = bytesPerSecond && bytesPerSecond > 0 ? ` · ${formatBytes(bytesPerSecond)}/s` : ''
  if (!total) return `${formatBytes(received)}${rate}`
  const share = Math.min(1, received / total)
  const width = 20
  const filled = Math.round(share * width)
  const bar = '█'.repeat(filled) + '░'.repeat(width - filled)
  const [amount, unit] = formatBytes(total).split(' ')
  const scale = total / Number(amount)
  const left = bytesPerSecond && bytesPerSecond > 0 ? ` · ${secondsText((total - received) / bytesPerSecond)} left` : ''
  return `${bar}  ${Math.floor(share * 100)} %  ${(received / scale).toFixed(amount!.includes('.') ? amount!.split('.')[1]!.length : 0)} of ${amount} ${unit}${rate}${left}`
}

function secondsText(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 90) return `${whole} s`
  if (whole < 5400) return `${Math.round(whole / 60)} min`
  return `${Math.round(whole / 3600)} h`
}

/** Bytes per second over the last few seconds, from (time, received) samples. */
export class RateMeter {
  readonly #samples: { at: number; bytes: number }[] = []

  add(at: number, bytes: number): number | undefined {
    if (this.#samples.length > 0 && bytes < this.#samples.at(-1)!.bytes) this.#samples.length = 0 // another place, or started over
    this.#samples.push({ at, bytes })
    while (this.#samples.length > 2 && at - this.#samples[0]!.at > 5_000) this.#samples.shift()
    const first = this.#samples[0]!
    return at - first.at < 300 ? undefined : ((bytes - first.bytes) / (at - first.at)) * 1000
  }
}
