/**
 * What is to be done, given what is wanted and which containers there are. A pure decision, so that the table in the test is the whole truth.
 *
 * Never two containers for one instance: a successor is made when its predecessor has ended and is removed. Who wants the new one to answer
 * before the old one leaves gives it another id.
 */
import { isAlive, type OwnContainer } from './container-spec.ts'

export type Step =
  | { readonly does: 'create'; readonly instance: string }
  | { readonly does: 'start' | 'restart' | 'end' | 'kill' | 'remove'; readonly container: OwnContainer }

/** The daemon itself kills what does not end in time; this long after that it is done for it, milliseconds. */
export const KILL_MARGIN_MS = 3_000

/**
 * `wanted`: config by id; undefined while nobody has said: then nothing is started and nothing told to end, but what was told to is seen off.
 * `now`: milliseconds since the epoch.
 */
export function planContainers(
  wanted: ReadonlyMap<string, string> | undefined,
  found: readonly OwnContainer[],
  now: number,
): readonly Step[] {
  const steps: Step[] = []
  const byInstance = Map.groupBy(found, ({ instance }) => instance)
  for (const [instance, containers] of byInstance) {
    const config = wanted?.get(instance)
    const fits = containers.filter((container) => !container.ending && container.state !== 'dead' && container.state !== 'removing')
    const kept =
      wanted === undefined
        ? fits
        : fits
            .filter((container) => container.config === config)
            .sort(byLife)
            .slice(0, 1)
    for (const container of containers) {
      if (!kept.includes(container)) steps.push(...seeOff(container, now))
      else if (wanted && !isAlive(container)) steps.push({ does: 'start', container })
    }
  }
  for (const instance of wanted?.keys() ?? []) if (!byInstance.has(instance)) steps.push({ does: 'create', instance })
  return steps
}

/** Those that run first. */
const byLife = (a: OwnContainer, b: OwnContainer) => Number(isAlive(b)) - Number(isAlive(a))

function seeOff(container: OwnContainer, now: number): readonly Step[] {
  if (container.state === 'removing') return []
  if (!isAlive(container)) return [{ does: 'remove', container }]
  if (!container.ending) return [{ does: 'end', container }]
  return now >= container.ending.until + KILL_MARGIN_MS ? [{ does: 'kill', container }] : []
}
