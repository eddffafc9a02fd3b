/**
 * Metrics as servers show them: the Prometheus text format 0.0.4, and what OpenMetrics adds to it (exemplars, `# EOF`), by
 * prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics specification. A line that is broken is skipped: metrics of other
 * people's servers are a courtesy, and one bad line must not hide the rest.
 */
export interface Sample {
  readonly name: string
  /** Has no prototype, so that a label may have any name. */
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A busy server shows a few thousand samples; what comes after this many is not read. */
const MOST_SAMPLES = 100_000
const MOST_LABELS = 64
const LONGEST_LINE = 64 * 1024

const BLANKS = /[ \t]*/y
const METRIC_NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y
/** The value, then perhaps a timestamp, then perhaps an exemplar, which is not read. */
const REST = /^([^ \t#]+)(?:[ \t]+([^ \t#]+))?[ \t]*(?:$|#)/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const INFINITE = /^([+-]?)inf(?:inity)?$/i

export function parsePrometheus(text: string): Sample[] {
  const samples: Sample[] = []
  for (let start = 0; start < text.length && samples.length < MOST_SAMPLES; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const sample = end - start > LONGEST_LINE ? undefined : parseLine(text.slice(start, text[end - 1] === '\r' ? end - 1 : end))
    if (sample) samples.push(sample)
    start = end + 1
  }
  return samples
}

interface Reader {
  readonly line: string
  at: number
}

function parseLine(line: string): Sample | undefined {
  const reader: Reader = { line, at: 0 }
  take(reader, BLANKS)
  let name = take(reader, METRIC_NAME)
  const blanks = take(reader, BLANKS)
  const labels: Record<string, string> = Object.create(null)
  if (line[reader.at] === '{') {
    const quotedName = readLabels(reader, labels)
    if (quotedName === undefined) return undefined
    name ||= quotedName
    take(reader, BLANKS)
  } else if (blanks === '') return undefined
  const [, valueText, timestamp] = REST.exec(line.slice(reader.at)) ?? []
  if (name === '' || valueText === undefined || (timestamp !== undefined && !NUMBER.test(timestamp))) return undefined
  const value = parseValue(valueText)
  return value === undefined ? undefined : { name, labels, value }
}

/**
 * Reads `{…}` into `labels`. Prometheus 3 writes names with other characters in quotes: a quoted label, or the metric's own name, which is
 * returned ('' where there is none). Undefined where the braces are broken.
 */
function readLabels(reader: Reader, labels: Record<string, string>): string | undefined {
  let quotedName = ''
  reader.at++
  for (let count = 0; count <= MOST_LABELS; count++) {
    take(reader, BLANKS)
    if (reader.line[reader.at] === '}') {
      reader.at++
      return quotedName
    }
    const quoted = reader.line[reader.at] === '"'
    const label = quoted ? readQuoted(reader) : take(reader, LABEL_NAME)
    if (!label) return undefined
    take(reader, BLANKS)
    if (reader.line[reader.at] === '=') {
      reader.at++
      take(reader, BLANKS)
      const value = readQuoted(reader)
      if (value === undefined) return undefined
      labels[label] = value
    } else if (quoted && quotedName === '') quotedName = label
    else return undefined
    take(reader, BLANKS)
    if (reader.line[reader.at] === ',') reader.at++
    else if (reader.line[reader.at] !== '}') return undefined
  }
  return undefined
}

function readQuoted(reader: Reader): string | undefined {
  const { line } = reader
  if (line[reader.at] !== '"') return undefined
  for (let end = reader.at + 1; end < line.length; end++) {
    if (line[end] === '\\') end++
    else if (line[end] === '"') {
      const text = line.slice(reader.at + 1, end)
      reader.at = end + 1
      return text.replace(/\\([\\"n])/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
    }
  }
  return undefined
}

/** What `pattern` (sticky) matches here, which may be nothing. */
function take(reader: Reader, pattern: RegExp): string {
  pattern.lastIndex = reader.at
  const text = pattern.exec(reader.line)?.[0] ?? ''
  reader.at += text.length
  return text
}

function parseValue(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text)
  if (/^[+-]?nan$/i.test(text)) return Number.NaN
  const infinite = INFINITE.exec(text)
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity
  return undefined
}
