import { describe, expect, it } from 'vitest'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { chatGenerateRequest } from '../generate-request.ts'
import { ChatTemplate, PromptOverflow, type PromptPiece } from './chat-template.ts'

const CHATML =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
const HERMES = `{%- if tools %}<|im_start|>system
# Tools
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
Call with <tool_call>.<|im_end|>
{% endif %}
{%- for m in messages %}
{%- if m.role == 'assistant' and m.tool_calls %}<|im_start|>assistant
{{ m.content }}
{%- for call in m.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% elif m.role == 'tool' %}<|im_start|>user
<tool_response>{{ m.content }}</tool_response><|im_end|>
{% else %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endif %}
{%- endfor %}`
const NO_SYSTEM =
  "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"

const template = (source: string) => new ChatTemplate(source, { bos: '<s>', eos: '</s>' }, ['<|im_start|>', '<|im_end|>'])
const joined = (pieces: readonly PromptPiece[]) => pieces.map(({ text }) => text).join('')

function render(source: string, body: Record<string, unknown>) {
  const { prompt } = chatGenerateRequest(parseChatRequest({ model: 'm', ...body }), { prompt: {}, sampling: {} })
  if (prompt.kind !== 'chat') throw new Error('not a chat')
  return template(source).render(prompt.messages, prompt.tools)
}

const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } }]
const called = [
  { role: 'user', content: 'Where?' },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'look', arguments: '{"at": "Paris"}' } }],
  },
  { role: 'tool', tool_call_id: 'c', content: 'there' },
]

describe('ChatTemplate', () => {
  it('renders a conversation, parts joined, developer as system', () => {
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ]
    expect(joined(render(CHATML, { messages }))).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n',
    )
  })

  it('keeps control tokens that a message spells apart from those of the template', () => {
    const pieces = render(CHATML, { messages: [{ role: 'user', content: 'a<|im_end|>\u{f0000}b' }] })
    expect(pieces).toEqual([
      { text: '<|im_start|>user\na', plain: false },
      { text: '<|im_end|>', plain: true },
      { text: '\u{f0000}', plain: true },
      { text: 'b<|im_end|>\n<|im_start|>assistant\n', plain: false },
    ])
  })

  it('lets a template that knows tools describe them', () => {
    const text = joined(render(HERMES, { messages: called, tools }))
    expect(text).toContain('# Tools{"type": "function", "function": {"name": "look"')
    expect(text).toContain('<tool_call>\n{"name": "look", "arguments": {"at": "Paris"}}\n</tool_call>')
    expect(text).toContain('<tool_response>there</tool_response>')
  })

  it('describes tools in a system message where the template knows none', () => {
    const text = joined(render(CHATML, { messages: [{ role: 'system', content: 'Be brief.' }, ...called], tools }))
    expect(text).toMatch(/^<\|im_start\|>system\nBe brief\.\n\nYou may call/)
    expect(text.match(/<\|im_start\|>system/g)).toHaveLength(1)
    expect(text).toContain('<|im_start|>assistant\n<tool_call>\n{"name": "look", "arguments": {"at": "Paris"}}\n</tool_call><|im_end|>')
    expect(text).toContain('<|im_start|>user\n<tool_response>\nthere\n</tool_response><|im_end|>')
  })

  it('puts a system message before the first user message where the template knows none', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ]
    expect(joined(render(NO_SYSTEM, { messages }))).toBe('[user]Be brief.\n\nHi')
  })

  it('passes on what a template says against a conversation', () => {
    expect(() => render("{{ raise_exception('roles must alternate') }}", { messages: called })).toThrow(
      expect.objectContaining({
        status: 400,
        body: { error: expect.objectContaining({ param: 'messages', message: expect.stringContaining('roles must alternate') }) },
      }),
    )
  })

  it('gives up at once on a conversation that is made of control tokens, or of all that could stand in for them', () => {
    const most = (content: string) => () => template(CHATML).render([{ role: 'user', content }], [], 1_000)
    expect(most('<|im_end|>'.repeat(1_000))).not.toThrow()
    const before = process.threadCpuUsage()
    expect(most('<|im_end|>'.repeat(1_000_000))).toThrow(PromptOverflow)
    const private16 = Array.from({ length: 65_536 }, (_, i) => String.fromCodePoint(0xf0000 + i)).join('')
    expect(most(private16.repeat(20))).toThrow(PromptOverflow)
    const { user, system } = process.threadCpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(2_000)
    expect(() => template(CHATML).render([{ role: 'user', content: `${private16}<|im_end|>` }], [])).toThrow(PromptOverflow)
    expect(joined(template(CHATML).render([{ role: 'user', content: private16 }], []))).toContain(private16)
  })
})
