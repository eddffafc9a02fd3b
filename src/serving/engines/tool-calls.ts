/**
 * How a tool call looks in a model's text: `<tool_call>`, one JSON object with `name` and `arguments`, `</tool_call>`. It is the form
 * that the Hermes and Qwen families were trained on, and the one that other models are told of in a system message.
 *
 * With `tool_choice` auto the model writes freely; once it writes the opening mark, a grammar holds the rest to a real tool and to that
 * tool's own schema. Required and named choices begin with the mark by grammar. An answer has one call: the text ends with it.
 */
import type { GenerationEvent, Tool, ToolChoice } from './engine.ts'
import { Grammar, literal } from './json-schema/grammar.ts'
import type { Schema } from './json-schema/schema.ts'

export const OPENING = '<tool_call>'
const CLOSING = '</tool_call>'

/** The tools that may be called. */
export function callable(tools: readonly Tool[], choice: ToolChoice): readonly Tool[] {
  if (choice === 'none') return []
  return typeof choice === 'object' ? tools.filter((tool) => tool.name === choice.name) : tools
}

function callRule(grammar: Grammar, tools: readonly Tool[]): string {
  return grammar.rule(
    tools
      .map((tool) => `${literal(`{"name": ${JSON.stringify(tool.name)}, "arguments": `)} ${grammar.schema(tool.parameters)} "}"`)
      .join(' | '),
  )
}

/** What follows the opening mark. */
export function callGrammar(tools: readonly Tool[]): string {
  const grammar = new Grammar()
  return grammar.text(`"\\n"? ${callRule(grammar, tools)}`)
}

/** A whole answer that is a call, or, with `format`, either a call or an instance of it. */
export function answerGrammar(tools: readonly Tool[], format: Schema | undefined): string {
  const grammar = new Grammar()
  const call = `${literal(`${OPENING}\n`)} ${callRule(grammar, tools)}`
  return grammar.text(format === undefined ? call : `${grammar.rule(call)} | ${grammar.schema(format)}`)
}

/** The text of a call, as the model would write it. */
export function callText(name: string, argumentsJson: string): string {
  return `${OPENING}\n{"name": ${JSON.stringify(name)}, "arguments": ${argumentsJson}}\n${CLOSING}`
}

/** For models whose template knows no tools. */
export function toolInstructions(tools: readonly Tool[]): string {
  const definitions = tools.map((tool) => JSON.stringify(tool.definition)).join('\n')
  return [
    'You may call one of these functions to answer. Each is described by a JSON object:',
    `<tools>\n${definitions}\n</tools>`,
    `To call a function, answer with nothing but its name and arguments as JSON, in this form:\n${OPENING}\n{"name": "function-name", "arguments": {…}}\n${CLOSING}`,
    'The result comes back within <tool_response> marks. When no function is needed, answer in plain text.',
  ].join('\n\n')
}

export function toolResponse(content: string): string {
  return `<tool_response>\n${content}\n</tool_response>`
}

const HEAD = /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*/

/** Reads a call's JSON as it comes, and passes its arguments on as they are. */
export class ToolCallReader {
  readonly #emit: (event: GenerationEvent) => void
  #head: string | undefined = ''
  #depth = 0
  #inString = false
  #escaped = false

  constructor(emit: (event: GenerationEvent) => void) {
    this.#emit = emit
  }

  /** The tool is known. Until then `unread` is all that came. */
  get begun(): boolean {
    return this.#head === undefined
  }

  get unread(): string {
    return this.#head ?? ''
  }

  /** True when the arguments are complete. */
  read(text: string): boolean {
    if (this.#head === undefined) return this.#readArguments(text)
    this.#head += text
    const match = HEAD.exec(this.#head)
    if (!match) return false
    const rest = this.#head.slice(match[0].length)
    this.#head = undefined
    this.#emit({ type: 'toolCall', name: JSON.parse(match[1]!) as string })
    return this.#readArguments(rest)
  }

  #readArguments(piece: string): boolean {
    // A token may bring white space along before the brace.
    const text = this.#depth === 0 ? piece.trimStart() : piece
    for (let i = 0; i < text.length; i++) {
      const character = text[i]
      if (this.#escaped) this.#escaped = false
      else if (this.#inString) {
        if (character === '\\') this.#escaped = true
        else if (character === '"') this.#inString = false
      } else if (character === '"') this.#inString = true
      else if (character === '{' || character === '[') this.#depth++
      else if ((character === '}' || character === ']') && --this.#depth === 0) {
        this.#emit({ type: 'toolArguments', text: text.slice(0, i + 1) })
        return true
      }
    }
    if (text !== '') this.#emit({ type: 'toolArguments', text })
    return false
  }
}
