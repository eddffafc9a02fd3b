/** OpenAI's Python client, unchanged, in a virtual environment of the tests' own. */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { defaultModel } from '../fixtures/weights.ts'
import { llamaAssistant } from '../harness/manifests.ts'
import { root, type System, startSystem } from '../harness/system.ts'

const VERSION = '3.57.0'
const folder = join(root, 'test', '.cache', `openai-python-${VERSION}`)
const python = join(folder, 'bin', 'python')

let system: System
beforeAll(async () => {
  if (!existsSync(join(folder, 'ready'))) {
    execFileSync('python3', ['-m', 'venv', '--clear', folder])
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `openai==${VERSION}`])
    execFileSync('touch', [join(folder, 'ready')])
  }
  system = await startSystem({ bootstrap: llamaAssistant(await defaultModel(), { system: 'You are a helpful AI assistant.' }) })
})
afterAll(() => system?.stop())

const SCRIPT = `
import json, os
from openai import OpenAI, AuthenticationError, BadRequestError, NotFoundError

client = OpenAI(max_retries=0)
question = [{"role": "user", "content": "What is the capital of France?"}]
facts = {}

answer = client.chat.completions.create(model="assistant", messages=question, temperature=0)
facts["answer"] = answer.choices[0].message.content
facts["finish"] = answer.choices[0].finish_reason

stream = client.chat.completions.create(model="assistant", messages=question, temperature=0, stream=True, stream_options={"include_usage": True})
text, usage = "", None
for chunk in stream:
    if chunk.choices:
        text += chunk.choices[0].delta.content or ""
    usage = chunk.usage or usage
facts["streamed"] = text
facts["out"] = usage.completion_tokens

raw = client.chat.completions.with_raw_response.create(model="assistant", messages=question, max_tokens=2)
facts["version"] = raw.headers["x-strata-model-version"]
facts["request_id"] = raw.headers["x-request-id"]
facts["feedback"] = client.post("/feedback", cast_to=object, body={"request": facts["request_id"], "score": 0.5})

with client.chat.completions.stream(model="assistant", messages=question, temperature=0) as events:
    for event in events:
        pass
    facts["helper"] = events.get_final_completion().choices[0].message.content

tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
called = client.chat.completions.create(model="assistant", messages=[{"role": "user", "content": "Weather in Rome?"}], tools=[tool], tool_choice={"type": "function", "function": {"name": "weather"}}, temperature=0)
facts["tool"] = json.loads(called.choices[0].message.tool_calls[0].function.arguments)

facts["models"] = [model.id for model in client.models.list()]
facts["completion"] = client.completions.create(model="assistant", prompt="The capital of France is", temperature=0, max_tokens=5).choices[0].text

errors = []
for error, call in [
    (AuthenticationError, lambda: OpenAI(api_key="sk-wrong", max_retries=0).models.list()),
    (NotFoundError, lambda: client.chat.completions.create(model="nope", messages=question)),
    (BadRequestError, lambda: client.chat.completions.create(model="assistant", messages=question, top_p=7)),
]:
    try:
        call()
    except error as caught:
        errors.append([caught.status_code, caught.code, caught.param])
facts["errors"] = errors
print(json.dumps(facts))
`

it('talks to the gateway as to OpenAI', async () => {
  const env = { ...process.env, OPENAI_BASE_URL: `${system.gatewayUrl}/v1`, OPENAI_API_KEY: system.apiKey, NO_PROXY: '127.0.0.1' }
  const { stdout } = await promisify(execFile)(python, ['-c', SCRIPT], { env, timeout: 90_000 })
  const facts = JSON.parse(stdout) as Record<string, unknown>
  expect(facts).toMatchObject({
    answer: expect.stringContaining('Paris'),
    finish: 'stop',
    streamed: expect.stringContaining('Paris'),
    helper: expect.stringContaining('Paris'),
    completion: expect.stringContaining('Paris'),
    version: 'assistant@v1',
    request_id: expect.stringMatching(/^req_/),
    feedback: { object: 'feedback', request: facts.request_id, score: 0.5 },
    models: ['assistant'],
    tool: { city: expect.any(String) },
  })
  expect(facts.out).toBeGreaterThan(3)
  expect(facts.errors).toMatchObject([
    [401, 'invalid_api_key', null],
    [404, 'model_not_found', 'model'],
    [400, expect.anything(), 'top_p'],
  ])
})
