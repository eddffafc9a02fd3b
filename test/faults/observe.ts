/** What a client gets and what a person sees while something is wrong. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { homeAt } from '../../src/kernel/home.ts'
import { type Answer, ask } from '../chaos/answers.ts'
import type { System } from '../harness/system.ts'

export const manifest = (kind: string, name: string, spec: unknown) => ({
  apiVersion: 'strata.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
})

export function chat(system: System, body: Record<string, unknown> = {}, key = system.apiKey): Promise<Answer> {
  const messages = [{ role: 'user', content: 'Hello' }]
  return ask({ url: system.gatewayUrl, key, body: { model: 'assistant', max_tokens: 4, messages, ...body } })
}

export async function answersAll(system: System, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { status, body } = await chat(system)
    expect(status, body).toBe(200)
  }
}

/** The warnings of `strata status`, a line each. */
export async function warnings(system: System): Promise<string> {
  const { warnings: all } = await system.control<{ warnings: { message: string }[] }>('GET', '/status')
  return all.map(({ message }) => message).join('\n')
}

export function linesOf(system: System, process: string, pattern: RegExp): string[] {
  return readFileSync(join(homeAt(system.home).logs, `${process}.log`), 'utf8')
    .split('\n')
    .filter((line) => pattern.test(line))
}

/** Kills a process and waits until its successor is ready. */
export async function killAndWait(system: System, name: string): Promise<void> {
  const pid = await system.kill(name)
  await system.until((all) => all.some((one) => one.name === name && one.state === 'ready' && one.pid !== pid), 30_000)
}
