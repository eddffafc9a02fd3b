/**
 * Prometheus metrics for processes whose request path must stay cheap: a labelled child is looked up once and then costs an addition.
 * (The usual client library hashes the labels at every increment; on the gateway's path that alone would be a fifth of a request.)
 * Text exposition format 0.0.4: prometheus.io/docs/instrumenting/exposition_formats.
 */
export interface Counter {
  inc(by?: number): void
}
export interface Gauge {
  set(value: number): void
  add(by: number): void
}
export interface Histogram {
  observe(value: number): void
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  lines(out: string[]): void
}

/** A metric with labels: `with(...values)` returns the child for those values, the same object each time. */
export interface Labelled<Child> {
  with(...values: string[]): Child
}

/** Children beyond this many of one family are folded into one whose labels read "other": label values may come from users. */
const MOST_CHILDREN = 2_000

export class Metrics {
  readonly #families: Family[] = []
  readonly #common: string

  /** `common` labels stand on every line, e.g. `{ gateway: 'gateway-0' }`. */
  constructor(common: Record<string, string> = {}) {
    this.#common = Object.entries(common)
      .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
      .join(',')
  }

  counter(name: string, help: string, labels: readonly string[] = []): Labelled<Counter> {
    return this.#family(name, help, 'counter', labels, () => {
      let value = 0
      return {
        inc: (by = 1) => {
          value += by
        },
        write: (out: string[], line: string) => void out.push(`${name}${braces(line)} ${value}`),
      }
    })
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Labelled<Gauge> {
    return this.#family(name, help, 'gauge', labels, () => {
      let value = 0
      return {
        set: (to: number) => {
          value = to
        },
        add: (by: number) => {
          value += by
        },
        write: (out: string[], line: string) => void out.push(`${name}${braces(line)} ${value}`),
      }
    })
  }

  /** A gauge that is read when somebody looks. */
  computed(name: string, help: string, read: () => number, type: 'gauge' | 'counter' = 'gauge'): void {
    this.#families.push({ name, help, type, lines: (out) => void out.push(`${name}${braces(this.#common)} ${read()}`) })
  }

  /** `bounds` ascending, without +Inf. */
  histogram(name: string, help: string, bounds: readonly number[], labels: readonly string[] = []): Labelled<Histogram> {
    return this.#family(name, help, 'histogram', labels, () => {
      const counts = new Float64Array(bounds.length + 1)
      let sum = 0
      return {
        observe: (value: number) => {
          let i = 0
          while (i < bounds.length && value > bounds[i]!) i++
          counts[i]! += 1
          sum += value
        },
        write: (out: string[], line: string) => {
          const lead = line ? `${line},` : ''
          let total = 0
          for (let i = 0; i <= bounds.length; i++) {
            total += counts[i]!
            out.push(`${name}_bucket{${lead}le="${i < bounds.length ? bounds[i] : '+Inf'}"} ${total}`)
          }
          out.push(`${name}_sum${braces(line)} ${sum}`, `${name}_count${braces(line)} ${total}`)
        },
      }
    })
  }

  text(): string {
    const out: string[] = []
    for (const family of this.#families) {
      out.push(`# HELP ${family.name} ${family.help}`, `# TYPE ${family.name} ${family.type}`)
      family.lines(out)
    }
    return `${out.join('\n')}\n`
  }

  #family<Child extends { write(out: string[], labels: string): void }>(
    name: string,
    help: string,
    type: Family['type'],
    labels: readonly string[],
    make: () => Child,
  ): Labelled<Child> {
    const children = new Map<string, { child: Child; line: string }>()
    const child = (values: string[]): Child => {
      const key = values.join('\u0000')
      const known = children.get(key)
      if (known) return known.child
      if (children.size >= MOST_CHILDREN && values.some((value) => value !== 'other')) return child(labels.map(() => 'other'))
      const own = labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? '')}"`).join(',')
      const made = { child: make(), line: [this.#common, own].filter(Boolean).join(',') }
      children.set(key, made)
      return made.child
    }
    if (labels.length === 0) child([])
    this.#families.push({
      name,
      help,
      type,
      lines: (out) => {
        for (const { child: each, line } of children.values()) each.write(out, line)
      },
    })
    return { with: (...values) => child(values) }
  }
}

function braces(labels: string): string {
  return labels ? `{${labels}}` : ''
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))
}
