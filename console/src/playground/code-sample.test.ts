import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { bodyOf } from './chat-stream.ts'
import { codeSample } from './code-sample.ts'

const call = {
  model: 'assistant@v1',
  system: 'Be "brief".',
  prompt: "What's $HOME? `date` \\ \n true",
  temperature: 0.5,
  maxTokens: 64,
  seed: 7,
}
const url = 'http://127.0.0.1:7400'

describe('code samples', () => {
  it('quotes the curl line so that a shell hands over exactly this body', () => {
    const curl = codeSample('curl', call, url).replace(/^curl /, 'printf "%s\\n" ')
    const printed = execFileSync('sh', ['-c', curl], { encoding: 'utf8' })
    const body = printed.slice(printed.indexOf('{'))
    expect(JSON.parse(body)).toEqual({ ...bodyOf(call), stream: true })
  })

  it('is Python that Python reads', () => {
    const code = codeSample('Python', call, url)
    execFileSync('python3', ['-c', 'import ast,sys; ast.parse(sys.stdin.read())'], { input: code })
    expect(code).toContain('max_tokens=64')
  })

  it('is TypeScript with the same values', () => {
    const code = codeSample('TypeScript', call, url)
    expect(code).toContain(`messages: ${JSON.stringify(bodyOf(call).messages)}`)
    expect(code).toContain('seed: 7')
  })
})
