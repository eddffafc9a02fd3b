/** The commands against a running system, as a person or a script uses them: what is printed, and the exit code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { simulatedAssistant } from '../harness/manifests.ts'
import { type CommandResult, strata } from '../harness/strata.ts'
import { type System, startSystem } from '../harness/system.ts'

const V2 = `apiVersion: strata.dev/v1alpha1
kind: ModelVersion
metadata: { name: assistant-v2 }
spec: { model: assistant, version: v2, source: { engine: { kind: simulated } }, scaling: { min: 0 } }
---
apiVersion: strata.dev/v1alpha1
kind: Route
metadata: { name: assistant }
spec:
  models: [assistant]
  targets:
    - { version: assistant-v1, weight: 90 }
    - { version: assistant-v2, weight: 10 }
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('with a running system', () => {
  let system: System
  const run = (args: string[], input?: string | Buffer, env?: Record<string, string>): Promise<CommandResult> =>
    strata(args, { home: system.home, input, env })
  beforeAll(async () => {
    system = await startSystem({ bootstrap: simulatedAssistant() })
    await system.until((all) => all.some(({ role, state }) => role === 'engine' && state === 'ready'))
  })
  afterAll(() => system.stop())

  test('apply: first what would change, then the change, then nothing', async () => {
    const file = join(folder, 'v2.yaml')
    writeFileSync(file, V2)
    const dry = await run(['apply', '-f', file, '--dry-run'])
    expect(dry).toMatchObject({ code: 0, stderr: '' })
    expect(dry.stdout).toBe(
      [
        '+ ModelVersion/assistant-v2',
        '~ Route/assistant',
        '    spec.targets',
        '-     - version: assistant-v1   weight: 100',
        '+     - version: assistant-v1   weight: 90',
        '+     - version: assistant-v2   weight: 10',
        '1 to change, 1 to create.',
        '',
      ].join('\n'),
    )
    expect((await run(['get', 'mv', 'assistant-v2'])).code).toBe(5)
    expect((await run(['apply', '-f', '-'], V2)).stdout).toBe('+ ModelVersion/assistant-v2\n~ Route/assistant\n1 changed, 1 created.\n')
    expect((await run(['apply', '-f', folder])).stdout).toBe('2 unchanged.\n')
    const json = JSON.parse((await run(['apply', '-f', file, '-o', 'json'])).stdout)
    expect(json).toMatchObject({
      dryRun: false,
      changes: [
        { label: 'ModelVersion/assistant-v2', action: 'unchanged' },
        { label: 'Route/assistant', action: 'unchanged' },
      ],
    })
  })

  test('apply: what control refuses is told with its place, over several files, and nothing is applied', async () => {
    const files = ['a', 'b'].map((name) => join(folder, `${name}.yml`))
    writeFileSync(files[0]!, V2.replace('assistant-v1, weight: 90', 'assistant-v7, weight: 90'))
    writeFileSync(files[1]!, 'apiVersion: strata.dev/v1alpha1\nkind: Consumer\nmetadata: { name: web }\nspec: { limits: [basic] }\n')
    const refused = await run(['apply', '-f', files[0]!, '-f', files[1]!])
    expect(refused.code).toBe(4)
    expect(refused.stdout).toBe('')
    const lines = refused.stderr.split('\n')
    expect(lines[0]).toMatch(new RegExp(`^${files[0]}:12:18 +Route/assistant  spec\\.targets\\[0\\]\\.version$`))
    expect(lines[1]).toContain('there is no ModelVersion "assistant-v7"; did you mean "assistant-v')
    expect(lines[2]).toMatch(new RegExp(`^${files[1]}:4:18 +Consumer/web  spec\\.limits\\[0\\]$`))
    expect(lines[4]).toBe('2 errors in 2 files; nothing was applied.')
    expect((await run(['get', 'consumer', 'web'])).code).toBe(5)
    for (const file of files) rmSync(file)
  })

  test('apply: addresses, missing files and empty ones are refused in words', async () => {
    expect(await run(['apply', '-f', 'https://example.com/x.yaml'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('curl -fsS https://example.com/x.yaml | strata apply -f -'),
    })
    expect(await run(['apply', '-f', join(folder, 'none.yaml')])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('There is no file or folder'),
    })
    expect(await run(['apply', '-f', '-'], '# nothing\n')).toMatchObject({ code: 2, stderr: expect.stringContaining('holds no document') })
    expect(await run(['apply'])).toMatchObject({ code: 2 })
  })

  test('apply and delete: a text that is not UTF-8 is refused with its place, as a file and from a pipe', async () => {
    const file = join(folder, 'latin1.yaml')
    const text = 'apiVersion: strata.dev/v1alpha1\nkind: Model\nmetadata: { name: m }\nspec: { task: chat, description: Répons }\n'
    writeFileSync(file, text, 'latin1')
    const place = (name: string) => `${name}:4:35  the byte 0xE9 is not UTF-8; save the text as UTF-8\n1 error in 1 file; nothing was`
    expect(await run(['apply', '-f', file])).toEqual({ code: 4, stdout: '', stderr: `${place(file)} applied.\n` })
    expect(await run(['apply', '-f', '-'], Buffer.from(text, 'latin1'))).toMatchObject({
      code: 4,
      stderr: `${place('<stdin>')} applied.\n`,
    })
    expect(await run(['delete', '-f', file])).toMatchObject({ code: 4, stderr: `${place(file)} deleted.\n` })
    writeFileSync(file, `\ufeff${text}`, 'utf16le')
    expect(await run(['apply', '-f', file])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`${file}:1:1  the text is UTF-16; save it as UTF-8`),
    })
    rmSync(file)
  })

  test('get: tables, several kinds, names, JSON, and YAML that can be applied again', async () => {
    const table = (await run(['get', 'versions'])).stdout.split('\n')
    expect(table[0]).toBe('NAME          MODEL      ENGINE     WEIGHTS  INSTANCES  STATE    TRAFFIC  AGE')
    expect(table[1]).toMatch(/^assistant-v1 {2}assistant {2}simulated {2}– +1\/1 {2}Ready +90 % +\d+\w$/)
    expect(table[2]).toMatch(/^assistant-v2 {2}assistant {2}simulated {2}– +0\/0 {2}Stopped +10 % +\d+\w$/)
    expect((await run(['get', 'models,routes'])).stdout).toMatch(/^Model\nNAME[\s\S]*\n\nRoute\nNAME/)
    expect((await run(['get', 'route/assistant', 'model/assistant'])).stdout).toMatch(/^Route\n[\s\S]*\n\nModel\n/)
    expect(JSON.parse((await run(['get', 'route', 'assistant', '-o', 'json'])).stdout)).toMatchObject({
      kind: 'Route',
      metadata: { name: 'assistant' },
    })
    expect(JSON.parse((await run(['get', 'routes', '-o', 'json'])).stdout).items).toHaveLength(1)
    const yaml = (await run(['get', 'all', '-o', 'yaml'])).stdout
    expect(parseAllDocuments(yaml).length).toBeGreaterThan(5)
    expect(await run(['apply', '-f', '-'], yaml)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ unchanged\.\n$/) })
    const list = (await run(['get', 'all', '-o', 'json'])).stdout
    expect(await run(['apply', '-f', '-'], list)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ unchanged\.\n$/) })
    expect((await run(['get', 'routes', '-o', 'wide'])).stdout).toContain('GENERATION')
    expect((await run(['get', 'routes', '-n', 'elsewhere'])).stderr).toBe('Nothing found in namespace elsewhere.\n')
    expect((await run(['get', 'routes', '-A'])).stdout).toMatch(/^NAMESPACE {2}NAME/)
    expect(await run(['get', 'ruotes'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There is no kind "ruotes"; did you mean "routes"?'),
    })
  })

  test('a mistyped name: the nearest one that is there', async () => {
    for (const words of [
      ['get', 'route'],
      ['describe', 'route'],
      ['delete', 'route'],
    ])
      expect(await run([...words, 'asistant'])).toMatchObject({
        code: 5,
        stderr: expect.stringContaining('There is no Route "asistant". Did you mean "assistant"?'),
      })
    for (const words of [['restart'], ['autoscale', 'explain']])
      expect(await run([...words, 'asistant-v1'])).toMatchObject({
        code: 5,
        stderr: expect.stringContaining('There is no ModelVersion "asistant-v1". Did you mean "assistant-v1"?'),
      })
  })

  test('describe: what is written, what runs, what happened', async () => {
    const { stdout } = await run(['describe', 'route', 'assistant'])
    expect(stdout).toMatch(/^Name: +assistant\n/)
    expect(stdout).toContain('\n  targets:\n    - version: assistant-v1\n      weight: 90\n')
    expect(stdout).toMatch(/\nConditions:\n {2}TYPE/)
    expect(stdout).toMatch(/\nChanges:\n {2}TIME +WHO +WHAT\n {2}\S+Z +admin +change\n {2}\S+Z +bootstrap +create\n$/)
  })

  test('delete: what others refer to is refused with the list; what is not there has its own exit code', async () => {
    expect(await run(['delete', 'version', 'assistant-v2'])).toMatchObject({ code: 4, stderr: expect.stringContaining('Route/assistant') })
    expect(await run(['delete', 'route', 'none'])).toMatchObject({ code: 5 })
    expect(await run(['delete', 'route', 'none', '--ignore-not-found'])).toMatchObject({ code: 0 })
    expect(await run(['delete'])).toMatchObject({ code: 2 })
    const extra = `${V2.split('---')[0]!.replaceAll('v2', 'v3')}---\napiVersion: strata.dev/v1alpha1\nkind: Route\nmetadata: { name: third }\nspec: { models: [third], targets: [{ version: assistant-v3 }] }\n`
    expect((await run(['apply', '-f', '-'], extra)).code).toBe(0)
    expect(await run(['delete', '-f', '-'], extra)).toMatchObject({
      code: 0,
      stdout: '− Route/third deleted\n− ModelVersion/assistant-v3 deleted\n',
    })
  })

  test('keys: made once in the open, listed without secrets, revoked', async () => {
    const made = await run(['keys', 'create', 'default', '--name', 'ci', '--expires', '90d'])
    expect(made.code).toBe(0)
    const secret = made.stdout.trim()
    expect(secret).toMatch(/^sk-strata-\w{40}$/)
    expect(made.stderr).toContain('It is shown this once')
    const call = () => fetch(`${system.gatewayUrl}/v1/models`, { headers: { authorization: `Bearer ${secret}` } })
    expect((await call()).status).toBe(200)
    const asked = await fetch(`${system.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'assistant@v1', max_tokens: 2, messages: [{ role: 'user', content: 'Hello' }] }),
    })
    expect(asked.status).toBe(200)
    const list = await run(['keys', 'list', '--consumer', 'default'])
    expect(list.stdout).toMatch(/\nci +default +sk-strata-\w{1,6}… +active +20\d\d-/)
    expect(list.stdout).not.toContain(secret)
    expect(await run(['keys', 'revoke', 'ci'])).toMatchObject({
      code: 0,
      stdout: 'Key ci is revoked: every gateway refuses it from now on.\n',
    })
    expect((await call()).status).toBe(401)
    expect((await run(['keys', 'list'])).stdout).toMatch(/\nci +default +\S+ +revoked /)
    expect(await run(['keys', 'revoke', 'none'])).toMatchObject({ code: 5 })
    const wide = () => run(['keys', 'list', '-o', 'wide'])
    await expect.poll(async () => (await wide()).stdout, { timeout: 10_000 }).toMatch(/\nci .* \d+s ago /)
    expect(await run(['keys', 'create', 'defalt'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('The key was not made: spec.consumer: there is no Consumer "defalt"; did you mean "default"?'),
    })
    expect((await run(['keys', 'create', 'default', '--name', 'My Key'])).stderr).toContain('metadata.name: "My Key"')
    expect(await run(['keys', 'create', 'default', '--expires', 'soon'])).toMatchObject({ code: 2 })
    expect(await run(['keys', 'create', 'default', '--expires', '2001-01-01'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('has passed already'),
    })
  })

  test('keys of a namespace of their own', async () => {
    const consumer = 'apiVersion: strata.dev/v1alpha1\nkind: Consumer\nmetadata: { name: shop, namespace: team-b }\nspec: {}\n'
    expect(await run(['apply', '-f', '-'], consumer)).toMatchObject({ code: 0 })
    expect(await run(['keys', 'create', 'shop', '--name', 'kb', '-n', 'team-b'])).toMatchObject({ code: 0 })
    expect((await run(['keys', 'list'])).stdout).not.toContain('kb')
    expect((await run(['keys', 'list', '-n', 'team-b'])).stdout).toMatch(/^NAME .*\nkb +shop /)
    expect((await run(['keys', 'list', '-A', '--consumer', 'shop'])).stdout).toMatch(/^NAMESPACE .*\nteam-b +kb +shop /)
    expect(await run(['keys', 'revoke', 'kb'])).toMatchObject({ code: 5, stderr: expect.stringContaining('"kb"') })
    expect(await run(['keys', 'revoke', 'kb', '-n', 'team-b'])).toMatchObject({ code: 0, stdout: expect.stringContaining('is revoked') })
  })

  test('chat: a question as words or from a pipe; a model that is not there', async () => {
    const words = await run(['chat', 'assistant@v1', 'Hello', 'there', '--max-tokens', '8'])
    expect(words).toMatchObject({ code: 0, stderr: '' })
    expect(words.stdout.trim().length).toBeGreaterThan(5)
    expect((await run(['chat', 'assistant@v1', '--max-tokens', '8'], 'Hello there')).stdout).toBe(words.stdout)
    expect(await run(['chat', 'nobody', 'Hello'])).toMatchObject({ code: 5, stderr: expect.stringContaining('nobody') })
    const server = createServer((_request, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not here</h1>'))
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens))
    onTestFinished(() => void server.close())
    const elsewhere = [
      {
        kind: 'Backend',
        metadata: { name: 'else' },
        spec: { protocol: 'openai', address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` },
      },
      { kind: 'Model', metadata: { name: 'else' }, spec: { task: 'chat' } },
      {
        kind: 'ModelVersion',
        metadata: { name: 'else-v1' },
        spec: { model: 'else', version: 'v1', source: { backend: { name: 'else', model: 'm' } } },
      },
      { kind: 'Route', metadata: { name: 'else' }, spec: { models: ['else'], targets: [{ version: 'else-v1', weight: 100 }] } },
    ]
    await system.control('POST', '/apply', { documents: elsewhere.map((one) => ({ apiVersion: 'strata.dev/v1alpha1', ...one })) })
    await expect
      .poll(() => run(['chat', 'else', 'Hello']), { timeout: 10_000 })
      .toMatchObject({ code: 1, stderr: expect.stringContaining("The model's server answered HTTP 404, and not in OpenAI's form.") })
    expect(await run(['chat', 'assistant@v1'], '  ')).toMatchObject({ code: 2 })
    expect(await run(['chat', 'assistant@v1', 'Hi', '--temperature', 'warm'])).toMatchObject({ code: 2 })
    expect(await run(['chat', 'assistant@v1', 'Hi'], undefined, { STRATA_API_KEY: 'sk-wrong' })).toMatchObject({ code: 6 })
  })

  test('logs: requests by what one looks for, and what processes said', async () => {
    await run(['chat', 'assistant@v1', 'Hello', '--max-tokens', '3'])
    await expect
      .poll(async () => (await run(['logs', '--tail', '1', '--version', 'assistant-v1', '--outcome', 'ok'])).stdout, {
        timeout: 10_000,
        interval: 250,
      })
      .toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}ok +200 {2}assistant-v1 +\d+ ms \(first token \d+ ms\) +\d+\+3 tokens +default +req_\w+\n$/)
    const [record] = (await run(['logs', '-o', 'json', '--tail', '1'])).stdout.trim().split('\n')
    expect(JSON.parse(record!)).toMatchObject({ type: 'finished', consumer: 'default' })
    expect((await run(['logs', '--consumer', 'nobody'])).stdout).toBe('')
    expect((await run(['logs', '-n', 'nowhere'])).stdout).toBe('')
    expect(await run(['logs', '--outcome', 'bogus'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is not one of failed, ok,'),
    })
    expect((await run(['logs', 'supervisor', '--tail', '1'])).stdout.trim().split('\n')).toHaveLength(1)
    expect(await run(['logs', '../credentials'])).toMatchObject({ code: 5, stderr: expect.stringContaining('There are: control, engine-') })
    expect(await run(['logs', '--tail', 'all'])).toMatchObject({ code: 2 })
  })

  test('status, login and doctor', async () => {
    const status = await run(['status'])
    expect(status.stdout).toMatch(/^Strata: +0\.1\.0, up \d+\w\nGateway: +http:/)
    expect(status.stdout).toMatch(/\ngateway-0 +ready +\d+ +0 /)
    expect(JSON.parse((await run(['status', '-o', 'json'])).stdout).processes).toHaveLength(3)
    const link = (await run(['login', '--role', 'viewer'])).stdout.trim()
    expect((await fetch(link)).status).toBe(200)
    expect((await fetch(link)).status).toBe(403)
    expect(await run(['login', '--role', 'king'])).toMatchObject({ code: 2 })
    const doctor = await run(['doctor'])
    for (const check of ['Node', 'Home', 'Disk', 'Memory', 'Engine', 'System', 'Clock'])
      expect(doctor.stdout, check).toContain(`✓ ${check}`)
  })

  test('from elsewhere: address and token from the environment; a wrong token has its own exit code', async () => {
    const elsewhere = (token: string) =>
      strata(['get', 'routes'], { home: join(folder, 'no-home'), env: { STRATA_CONTROL_URL: system.consoleUrl, STRATA_TOKEN: token } })
    expect(await elsewhere(system.adminToken)).toMatchObject({ code: 0, stdout: expect.stringContaining('assistant') })
    expect(await elsewhere('wrong')).toMatchObject({ code: 6, stderr: expect.stringContaining('STRATA_TOKEN') })
  })

  test('weights: which are in use; those are not removed', async () => {
    const file = join(folder, 'tiny.gguf')
    writeFileSync(file, 'weights')
    expect(await run(['weights', 'pull', `file:${file}`, 'bogus'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"bogus" names no place. It should look like hf:, pypi:, npm:, https: or file:.'),
    })
    const pulled = await run(['weights', 'pull', `file:${file}`])
    const sha = /sha256: ([0-9a-f]{64})\n {4}from: \["file:/.exec(pulled.stdout)![1]!
    const uses = `${V2.split('---')[0]!.replaceAll('v2', 'v4').replace('{ kind: simulated }', `{ kind: llama, weights: { sha256: ${sha}, from: ["file:${file}"] } }`)}`
    expect(await run(['apply', '-f', '-'], uses)).toMatchObject({ code: 0 })
    expect((await run(['weights', 'list'])).stdout).toMatch(new RegExp(`\\ntiny\\.gguf {2}${sha.slice(0, 12)} +7 B +\\d+s +assistant-v4`))
    expect(await run(['weights', 'rm', 'tiny.gguf'])).toMatchObject({ code: 4, stderr: expect.stringContaining('is used by assistant-v4') })
    expect((await run(['weights', 'gc'])).stdout).toBe('0 B freed.\n')
    await run(['delete', 'mv', 'assistant-v4'])
    expect((await run(['weights', 'gc'])).stdout).toMatch(/^− tiny\.gguf .*\n7 B freed\.\n$/)
    expect(await run(['weights', 'pull', `file:${file}`, '--sha256', 'a'.repeat(64)])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`sha256 ${sha}, expected aaaa`),
    })
  })

  test('a backup is refused while it runs', async () => {
    expect(await run(['backup', join(folder, 'no.tgz')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Strata already runs on .*\. Stop it first \(Ctrl-C there\), and start it again afterwards\.\n$/),
    })
  })
})

test('backup and restore: the whole state comes back, also under another home', async () => {
  const file = join(folder, 'backup.tgz')
  const home = mkdtempSync(join(tmpdir(), 'strata-backup-'))
  const other = join(mkdtempSync(join(tmpdir(), 'strata-restore-')), 'home')
  try {
    const first = await startSystem({ bootstrap: simulatedAssistant(), home })
    expect((await strata(['apply', '-f', '-'], { home, input: V2 })).code).toBe(0)
    await first.stop()

    expect(await strata(['backup', file], { home })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/✓ .*backup\.tgz {2}[\d.]+ \w?B\n$/),
    })
    expect(await strata(['backup', file], { home })).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') })
    expect(await strata(['restore', file], { home: other })).toMatchObject({ code: 0 })
    const second = await startSystem({ home: other })
    expect(second.apiKey).toBe(first.apiKey)
    expect((await strata(['get', 'routes'], { home: other })).stdout).toContain('assistant-v1 90 %, assistant-v2 10 %')
    await second.stop()

    expect(await strata(['restore', file], { home: other })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('With --force it is moved aside'),
    })
    expect(await strata(['restore', file, '--force'], { home: other })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('.before-restore-'),
    })
    const junk = join(folder, 'junk.tgz')
    writeFileSync(junk, 'junk')
    expect(await strata(['restore', junk], { home: join(folder, 'fresh') })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`${junk} is no archive that \`strata backup\` has made. Nothing was changed.`),
    })
    expect(await strata(['restore', folder], { home: join(folder, 'fresh') })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`${folder} cannot be read (EISDIR).`),
    })
    expect(await strata(['restore', file, '--force'], { home: other, env: { PATH: folder } })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('tar, which packs and unpacks backups, is not installed. Install it first.'),
    })
    const cut = join(folder, 'cut.tgz')
    writeFileSync(cut, readFileSync(file).subarray(0, 100_000))
    expect(await strata(['restore', cut, '--force'], { home: other })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cut\.tgz could not be read to its end: .+\. Is it whole\? Nothing was changed\.\n$/),
    })
    expect(readFileSync(join(other, 'version'), 'utf8')).toBe('{"format":1}\n')
  } finally {
    for (const path of [home, join(other, '..')]) rmSync(path, { recursive: true, maxRetries: 5 })
  }
})

describe('without a running system', () => {
  const home = () => join(folder, 'nothing')
  test('one line says how to start it', async () => {
    for (const args of [['get', 'routes'], ['status'], ['login'], ['keys', 'list'], ['chat', 'assistant', 'Hi'], ['logs']])
      expect(await strata(args, { home: home() }), args.join(' ')).toEqual({
        code: 3,
        stdout: '',
        stderr: `  ✗ Strata has never run on ${home()}. Start it with \`strata up\` (in a clone: \`npm start\`).\n`,
      })
  })

  test('a manifest can still be told wrong, and a right one is not applied', async () => {
    expect(await strata(['apply', '-f', '-'], { home: home(), input: V2.replace('weight: 90', 'wieght: 90') })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('<stdin>:12:32  Route/assistant  spec.targets[0].wieght\n'),
    })
    expect(await strata(['apply', '-f', '-'], { home: home(), input: V2 })).toMatchObject({ code: 3 })
  })

  test('explain needs nobody', async () => {
    const { stdout } = await strata(['explain', 'route.targets.weight'], { home: home() })
    expect(stdout).toBe(
      'Route.spec.targets.weight\n\nShare of the traffic, a whole percentage.\n\nType:     an integer from 0 to 100\nDefault:  100\n',
    )
    expect(await strata(['explain', 'route.tragets'], { home: home() })).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('did you mean "targets"?'),
    })
    expect((await strata(['explain', 'versions.source.engine.weights'], { home: home() })).stdout).toMatch(/sha256 .*\nfrom \* /)
    // Said of two engines alike.
    expect((await strata(['explain', 'versions.source.engine.parameters'], { home: home() })).stdout).toMatch(
      /\nmaxWaiting .* 64 +Requests/,
    )
  })

  test('wrong words are told with the nearest right one', async () => {
    expect(await strata(['aply'], { home: home() })).toMatchObject({ code: 2, stderr: expect.stringContaining('(Did you mean apply?)') })
    expect(await strata(['up', '--prot', '1'], { home: home() })).toMatchObject({ code: 2, stderr: expect.stringContaining('--port') })
    expect(await strata(['weights', 'gc'], { home: home() })).toMatchObject({ code: 3, stderr: expect.stringContaining('say --all') })
  })

  test('colours only where they are wanted', async () => {
    const plain = await strata(['explain', 'route'], { home: home() })
    expect(plain.stdout).not.toContain('\x1b')
    expect((await strata(['explain', 'route'], { home: home(), env: { FORCE_COLOR: '1' } })).stdout).toContain('\x1b[1m')
    expect((await strata(['explain', 'route'], { home: home(), env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout).not.toContain('\x1b')
  })
})
