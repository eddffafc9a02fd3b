/** Splits a byte stream into lines. Bytes of a character that a chunk boundary cuts stay together: only whole lines are decoded. */
export async function* readLines(source: AsyncIterable<Uint8Array>, maxLineBytes = 64 * 1024 * 1024): AsyncGenerator<string> {
  let parts: Uint8Array[] = []
  let held = 0
  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end))
      yield Buffer.concat(parts).toString('utf8')
      parts = []
      held = 0
      start = end + 1
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start))
      held += chunk.length - start
      if (held > maxLineBytes) throw new RangeError(`a line is longer than ${maxLineBytes} bytes`)
    }
  }
  if (held > 0) yield Buffer.concat(parts).toString('utf8')
}
