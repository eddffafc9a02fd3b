/** Exactly this call, in three languages. Pure. */
import { bodyOf, type ChatCall } from './chat-stream.ts'

export type Language = 'curl' | 'Python' | 'TypeScript'
export const LANGUAGES: readonly Language[] = ['curl', 'Python', 'TypeScript']

export function codeSample(language: Language, call: ChatCall, gatewayUrl: string): string {
  const body = bodyOf(call)
  switch (language) {
    case 'curl':
      return [
        `curl -N ${gatewayUrl}/v1/chat/completions \\`,
        '  -H "Authorization: Bearer $STRATA_API_KEY" \\',
        "  -H 'content-type: application/json' \\",
        `  -d ${shellQuote(JSON.stringify({ ...body, stream: true }, undefined, 2))}`,
      ].join('\n')
    case 'Python':
      return [
        'import os',
        'from openai import OpenAI',
        '',
        `client = OpenAI(base_url=${JSON.stringify(`${gatewayUrl}/v1`)}, api_key=os.environ["STRATA_API_KEY"])`,
        'stream = client.chat.completions.create(',
        ...Object.entries(body).map(([name, value]) => `    ${name}=${pythonLiteral(value)},`),
        '    stream=True,',
        ')',
        'for chunk in stream:',
        '    if chunk.choices:',
        '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
      ].join('\n')
    case 'TypeScript':
      return [
        "import OpenAI from 'openai'",
        '',
        `const client = new OpenAI({ baseURL: ${JSON.stringify(`${gatewayUrl}/v1`)}, apiKey: process.env.STRATA_API_KEY })`,
        'const stream = await client.chat.completions.create({',
        ...Object.entries(body).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`),
        '  stream: true,',
        '})',
        'for await (const chunk of stream) {',
        "  process.stdout.write(chunk.choices[0]?.delta?.content ?? '')",
        '}',
      ].join('\n')
  }
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** JSON is Python but for three words, and those only outside of strings. */
function pythonLiteral(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'object')
    return `{${Object.entries(value as object)
      .map(([name, each]) => `${JSON.stringify(name)}: ${pythonLiteral(each)}`)
      .join(', ')}}`
  return JSON.stringify(value)
}
