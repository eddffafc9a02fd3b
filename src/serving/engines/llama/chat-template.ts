/**
 * A conversation as the model was trained to read it: the Jinja template that its file carries, rendered as every other server renders it.
 *
 * Text of a message never becomes a control token: where it spells one ("<|im_end|>"), the spelling is replaced by a private-use
 * character while the template runs, and tokenised as plain text afterwards.
 */
import { Template } from '@huggingface/jinja'
import type { ChatRequestMessage } from '../../../wire/openai/chat.ts'
import { invalidParameter } from '../../../wire/openai/refusal.ts'
import type { Tool } from '../engine.ts'
import { callText, OPENING, toolInstructions, toolResponse } from '../tool-calls.ts'

/** What a template sees of a message. */
type TemplateMessage = {
  role: string
  content: string
  name?: string
  tool_call_id?: string
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: unknown } }[]
}

/** A piece of the rendered prompt. `plain`: its text, whatever it spells, is no control token. */
export interface PromptPiece {
  readonly text: string
  readonly plain: boolean
}

/** The conversation has so much in it that is no plain text that it fits no context. */
export class PromptOverflow extends Error {}

const FIRST_STAND_IN = 0xf0000
const LAST_STAND_IN = 0xfffff
const STAND_IN = /[\u{f0000}-\u{fffff}]/u

export class ChatTemplate {
  readonly #template: Template
  /** Does the template itself describe tools, in the form that we read? */
  readonly knowsTools: boolean
  readonly #tokens: { bos: string; eos: string }
  readonly #controls: readonly string[]
  readonly #now: () => Date

  /** `controls`: the spellings of the vocabulary's control tokens. */
  constructor(source: string, tokens: { bos: string; eos: string }, controls: readonly string[], now: () => Date = () => new Date()) {
    this.#template = new Template(source)
    this.knowsTools = /\btools\b/.test(source) && source.includes(OPENING)
    this.#tokens = tokens
    this.#controls = [...controls].sort((a, b) => b.length - a.length)
    this.#now = now
  }

  /** Throws `PromptOverflow` when more than `most` spellings of control tokens stand in it: each takes a token at least. */
  render(messages: readonly ChatRequestMessage[], tools: readonly Tool[], most: number = Number.POSITIVE_INFINITY): PromptPiece[] {
    const standIns = new StandIns(most)
    const shielded = (text: string) => this.#shield(text, standIns)
    const native = tools.length > 0 && this.knowsTools
    let conversation = messages.map((message) => templateMessage(message, shielded, this.knowsTools))
    if (tools.length > 0 && !native) conversation = withSystem(conversation, shielded(toolInstructions(tools)))
    const definitions = native ? tools.map((tool) => shieldedDeep(tool.definition, shielded)) : undefined
    return pieces(this.#run(conversation, definitions), standIns.originals)
  }

  #run(messages: readonly TemplateMessage[], tools: unknown[] | undefined): string {
    const render = (conversation: readonly TemplateMessage[]) =>
      this.#template.render({
        messages: conversation,
        ...(tools ? { tools } : {}),
        add_generation_prompt: true,
        bos_token: this.#tokens.bos,
        eos_token: this.#tokens.eos,
        date_string: this.#now().toLocaleDateString('en-GB', { day: '2-digit', month: 'short', year: 'numeric' }),
      })
    try {
      return render(messages)
    } catch (error) {
      // Some templates know no system message; then its text goes before the first user message, as their authors advise.
      const merged = withoutSystem(messages)
      if (merged) {
        try {
          return render(merged)
        } catch {
          // the first error says what is wrong with the conversation as it was sent
        }
      }
      throw invalidParameter('messages', `The model's chat template refuses this conversation: ${(error as Error).message}`)
    }
  }

  #shield(text: string, standIns: StandIns): string {
    let out = text
    if (STAND_IN.test(out)) out = out.replace(new RegExp(STAND_IN, 'gu'), (character) => standIns.for(character))
    for (const control of this.#controls) {
      if (out.includes(control)) out = out.replaceAll(control, () => standIns.for(control))
    }
    return out
  }
}

class StandIns {
  readonly originals: string[] = []
  readonly #known = new Map<string, string>()
  #left: number

  constructor(most: number) {
    this.#left = most
  }

  for(original: string): string {
    if (this.#left-- <= 0) throw new PromptOverflow()
    const known = this.#known.get(original)
    if (known !== undefined) return known
    // Somebody sends all characters that could stand in for something: none is left for the rest.
    if (FIRST_STAND_IN + this.originals.length > LAST_STAND_IN) throw new PromptOverflow()
    const character = String.fromCodePoint(FIRST_STAND_IN + this.originals.length)
    this.originals.push(original)
    this.#known.set(original, character)
    return character
  }
}

function pieces(rendered: string, standIns: readonly string[]): PromptPiece[] {
  if (standIns.length === 0) return [{ text: rendered, plain: false }]
  return rendered
    .split(new RegExp(`(${STAND_IN.source})`, 'u'))
    .filter((text) => text !== '')
    .map((text) => {
      const original = STAND_IN.test(text) ? standIns[text.codePointAt(0)! - FIRST_STAND_IN] : undefined
      return original === undefined ? { text, plain: false } : { text: original, plain: true }
    })
}

function shieldedDeep(value: unknown, shielded: (text: string) => string): unknown {
  if (typeof value === 'string') return shielded(value)
  if (Array.isArray(value)) return value.map((one) => shieldedDeep(one, shielded))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [shielded(key), shieldedDeep(one, shielded)]))
  return value
}

export function textOf(content: ChatRequestMessage['content']): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal)).join('')
}

function templateMessage(message: ChatRequestMessage, shielded: (text: string) => string, nativeTools: boolean): TemplateMessage {
  const content = shielded(textOf(message.content))
  const name = message.name ? { name: shielded(message.name) } : {}
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', content, ...name }
    case 'user':
      return { role: 'user', content, ...name }
    case 'tool':
      return nativeTools
        ? { role: 'tool', content, tool_call_id: message.tool_call_id, ...name }
        : { role: 'user', content: toolResponse(content) }
    case 'assistant': {
      const said = content === '' && message.refusal ? shielded(message.refusal) : content
      const calls = message.tool_calls ?? []
      if (calls.length === 0) return { role: 'assistant', content: said, ...name }
      if (!nativeTools) {
        const written = calls.map((call) => shielded(callText(call.function.name, call.function.arguments)))
        return { role: 'assistant', content: [said, ...written].filter((text) => text !== '').join('\n'), ...name }
      }
      return {
        role: 'assistant',
        content: said,
        ...name,
        tool_calls: calls.map((call) => ({
          id: call.id,
          type: 'function',
          function: { name: shielded(call.function.name), arguments: shieldedDeep(parsedArguments(call.function.arguments), shielded) },
        })),
      }
    }
    default:
      return message satisfies never
  }
}

/** Templates print arguments as JSON, so they want the value; a text that is no JSON (cut short, say) stands as it is. */
function parsedArguments(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function withSystem(messages: readonly TemplateMessage[], text: string): TemplateMessage[] {
  const [first, ...rest] = messages
  if (first?.role !== 'system') return [{ role: 'system', content: text }, ...messages]
  return [{ ...first, content: `${first.content}\n\n${text}` }, ...rest]
}

function withoutSystem(messages: readonly TemplateMessage[]): TemplateMessage[] | undefined {
  const system = messages.filter((message) => message.role === 'system')
  const others = messages.filter((message) => message.role !== 'system')
  const first = others.findIndex((message) => message.role === 'user')
  if (system.length === 0 || first === -1) return undefined
  const text = [...system.map((message) => message.content), others[first]!.content].join('\n\n')
  return others.map((message, i) => (i === first ? { ...message, content: text } : message))
}
