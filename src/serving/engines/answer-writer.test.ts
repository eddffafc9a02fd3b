import { describe, expect, it } from 'vitest'
import { AnswerWriter, type Written } from './answer-writer.ts'
import type { GenerationEvent, TokenLogprob } from './engine.ts'
import { OPENING } from './tool-calls.ts'

function write(pieces: readonly string[], options: { stop?: string[]; opening?: string; logprobs?: boolean } = {}) {
  const events: GenerationEvent[] = []
  const writer = new AnswerWriter((event) => events.push(event), options.stop ?? [], options.opening)
  const states: Written[] = []
  for (const piece of pieces) {
    const logprob: TokenLogprob | undefined = options.logprobs ? { token: piece, bytes: [], logprob: -1, top: [] } : undefined
    const state = writer.write(piece, logprob)
    states.push(state)
    if (state === 'stopped' || state === 'called') return { events, states }
  }
  writer.finish()
  return { events, states }
}

const text = (events: readonly GenerationEvent[]) => events.map((event) => (event.type === 'text' ? event.text : '')).join('')
const json = (events: readonly GenerationEvent[]) => events.map((event) => (event.type === 'toolArguments' ? event.text : '')).join('')

describe('AnswerWriter', () => {
  it('passes text on', () => {
    expect(write(['Hel', 'lo']).events).toEqual([
      { type: 'text', text: 'Hel', logprobs: [] },
      { type: 'text', text: 'lo', logprobs: [] },
    ])
  })

  it('sends the log-probabilities with the text that they belong to, and none of a stop string', () => {
    const { events } = write(['one ', 'st', 'op', 'more'], { stop: ['stop'], logprobs: true })
    expect(events).toMatchObject([{ text: 'one ', logprobs: [{ token: 'one ' }] }])
    const held = write(['a', 'st', 'ay'], { stop: ['stop'], logprobs: true })
    expect(held.events).toMatchObject([
      { text: 'a', logprobs: [{ token: 'a' }] },
      { text: 'stay', logprobs: [{ token: 'st' }, { token: 'ay' }] },
    ])
  })

  it('sends the last log-probabilities also when their text was empty', () => {
    expect(write(['a', ''], { logprobs: true }).events).toMatchObject([{ text: 'a' }, { text: '', logprobs: [{ token: '' }] }])
  })

  it.each([
    ['in one piece', [`Let me see. ${OPENING}\n{"name": "f", "arguments": {"a": "}\\""}}\n</tool_call>`]],
    ['token by token', [...`Let me see. ${OPENING}\n{"name": "f", "arguments": {"a": "}\\""}}`]],
  ])('reads a tool call %s', (_, pieces) => {
    const { events, states } = write(pieces, { opening: OPENING })
    expect(text(events)).toBe('Let me see. ')
    expect(events.filter(({ type }) => type === 'toolCall')).toEqual([{ type: 'toolCall', name: 'f' }])
    expect(json(events)).toBe('{"a": "}\\""}')
    expect(states.at(-1)).toBe('called')
  })

  it('says when a call begins, and what of it is there already', () => {
    const events: GenerationEvent[] = []
    const writer = new AnswerWriter((event) => events.push(event), [], OPENING)
    expect(writer.write(`${OPENING}\n{"na`)).toBe('toolCallBegun')
    expect(writer.unread).toBe('\n{"na')
  })

  it('shows as text what looked like a call and was none', () => {
    expect(text(write(['<tool', ' box>'], { opening: OPENING }).events)).toBe('<tool box>')
    expect(text(write([OPENING, '[no call]'], { opening: OPENING }).events)).toBe(`${OPENING}[no call]`)
  })

  it('looks for stop strings in text, not in a call', () => {
    const { events } = write([`${OPENING}{"name": "f", "arguments": {"stop": 1}}`], { opening: OPENING, stop: ['stop'] })
    expect(json(events)).toBe('{"stop": 1}')
    expect(write(['please stop ', OPENING], { opening: OPENING, stop: ['stop'] }).states.at(-1)).toBe('stopped')
  })
})
