import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LiveLine, palette, progressText, RateMeter } from './terminal.ts'

const screen = (isTTY: boolean, columns = 80) => {
  const written: string[] = []
  return { isTTY, columns, write: (text: string) => written.push(text), written }
}

test.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { TERM: 'dumb' }, false],
  [false, { FORCE_COLOR: '1' }, true],
  [true, { FORCE_COLOR: '0' }, false],
  [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
])('colours: on a terminal %s, with %j: %s', (isTTY, env, coloured) => {
  expect(palette(screen(isTTY), env).red('x')).toBe(coloured ? '\x1b[31mx\x1b[39m' : 'x')
})

describe('a moving line', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('on a terminal it is drawn again and again, fits the width, and is gone at the end', () => {
    const output = screen(true, 30)
    const line = new LiveLine(output, {})
    line.show('SmolLM2', 'and so much more that it does not fit on the line')
    vi.advanceTimersByTime(250)
    line.done('  ✓ done')
    vi.advanceTimersByTime(1_000)
    expect(output.written).toHaveLength(5)
    for (const text of output.written.slice(0, 3)) expect([...text.replace(/^\r\x1b\[2K/, '')].length).toBeLessThan(30)
    expect(output.written.slice(3)).toEqual(['\r\x1b[2K', '  ✓ done\n'])
  })

  test('elsewhere a line when the stage changes, and nothing that moves', () => {
    const output = screen(false)
    const line = new LiveLine(output, {})
    line.show('Fetching', '1 %')
    line.show('Fetching', '2 %')
    line.show('Starting')
    vi.advanceTimersByTime(1_000)
    line.done()
    expect(output.written).toEqual(['  … Fetching\n', '  … Starting\n'])
  })
})

test.each<[number, number | undefined, number | undefined, string]>([
  [57_000_000, 94_000_000, 12_000_000, '████████████░░░░░░░░  60 %  57.0 of 94.0 MB · 12.0 MB/s · 4 s left'],
  [0, 98_362_432, undefined, '░░░░░░░░░░░░░░░░░░░░  0 %  0.0 of 98.4 MB'],
  [98_362_432, 98_362_432, 1_000, '████████████████████  100 %  98.4 of 98.4 MB · 1.00 kB/s · 0 s left'],
  [5_000_000, undefined, 2_000_000, '5.00 MB · 2.00 MB/s'],
  [1_000_000_000, 50_000_000_000, 1_000_000, '░░░░░░░░░░░░░░░░░░░░  2 %  1.0 of 50.0 GB · 1.00 MB/s · 14 h left'],
  [10, 5, undefined, '████████████████████  100 %  10 of 5 B'],
])('progress %d of %d at %d', (received, total, rate, text) => {
  expect(progressText(received, total, rate)).toBe(text)
})

test('the rate is that of the last seconds, and starts anew with another place', () => {
  const meter = new RateMeter()
  expect(meter.add(0, 0)).toBeUndefined()
  expect(meter.add(1_000, 1_000_000)).toBe(1_000_000)
  for (let second = 2; second <= 10; second++) meter.add(second * 1_000, 1_000_000 + (second - 1) * 2_000_000)
  expect(meter.add(11_000, 21_000_000)).toBe(2_000_000)
  expect(meter.add(11_100, 0)).toBeUndefined()
  expect(meter.add(12_100, 500_000)).toBe(500_000)
})
