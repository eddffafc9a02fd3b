/** `strata autoscale`: how many instances versions should have by their policies, and why. */
import type { ScaledNow, ScalingAnswer } from '../../control/api/scaling.ts'
import { StrataError } from '../../kernel/errors.ts'
import { formatAge, parseDuration } from '../../kernel/units.ts'
import { connectControl } from '../control-client.ts'
import { orNearest } from '../resource-access.ts'
import { type Column, formatFields, formatTable } from '../table.ts'

export interface AutoscaleFlags {
  readonly namespace: string
  readonly allNamespaces?: boolean
  readonly output?: string
}

export async function listScaling({ namespace, allNamespaces, output }: AutoscaleFlags): Promise<void> {
  const query = allNamespaces ? '' : `?namespace=${encodeURIComponent(namespace)}`
  const { items } = await connectControl().call<{ items: ScaledNow[] }>('GET', `/scaling${query}`)
  if (output === 'json') return console.log(JSON.stringify({ items }, undefined, 2))
  if (items.length === 0)
    return console.log(
      `No version ${allNamespaces ? '' : `of the namespace ${namespace} `}has a policy. See: strata explain version.scaling.policy`,
    )
  console.log(formatTable(items, columns(allNamespaces === true)))
}

const columns = (allNamespaces: boolean): Column<ScaledNow>[] => [
  ...(allNamespaces ? [{ heading: 'NAMESPACE', value: ({ namespace }: ScaledNow) => namespace }] : []),
  { heading: 'NAME', value: ({ name }) => name },
  { heading: 'POLICY', value: ({ policy }) => policy },
  { heading: 'MIN', value: ({ min }) => String(min), align: 'right' },
  { heading: 'MAX', value: ({ max }) => String(max), align: 'right' },
  { heading: 'WANTED', value: ({ wanted }) => String(wanted), align: 'right' },
  { heading: 'READY', value: ({ ready }) => String(ready), align: 'right' },
  { heading: 'LOAD', value: ({ sample }) => (sample ? `${figure(sample.concurrency)} at a time` : ''), align: 'right' },
  { heading: 'REASON', value: ({ reason }) => reason },
]

export interface ExplainFlags extends Pick<AutoscaleFlags, 'namespace' | 'output'> {
  readonly hours: string
  readonly inputs?: boolean
}

export async function explainScaling(name: string, { namespace, hours, inputs, output }: ExplainFlags): Promise<void> {
  const path = `/modelversions/${encodeURIComponent(name)}/scaling?namespace=${encodeURIComponent(namespace)}&hours=${encodeURIComponent(hours)}`
  const client = connectControl()
  const answer = await orNearest(client, { kind: 'ModelVersion', namespace, name }, () => client.call<ScalingAnswer>('GET', path))
  if (output === 'json') return console.log(JSON.stringify(answer, undefined, 2))
  if (!answer.now)
    throw new StrataError(
      'no_policy',
      `ModelVersion/${name} has no policy: ${answer.policy.min === 1 ? 'one instance runs' : `${answer.policy.min} instances run`}, whatever its load.`,
      { advice: 'Give it one: strata explain version.scaling.policy' },
    )
  console.log(formatFields(fieldsOf(answer, answer.now, Date.now())))
  console.log(`\n${decisionsText(answer.decisions, hours, inputs === true)}`)
}

export function fieldsOf({ policy, status }: ScalingAnswer, now: ScaledNow, at: number): [string, string][] {
  const { sample, startup, speed } = now
  const { up, down } = policy.cooldown ?? { up: '0s', down: '1m' }
  const one = now.max === 1 ? 'instance' : 'instances'
  const draining = now.draining > 0 ? `, ${now.draining} finish what they have` : ''
  return [
    ['Policy', `${now.policy} ${JSON.stringify(Object.values(policy.policy!)[0])}`],
    ['Bounds', `${now.min} to ${now.max} ${one}${rests([up, 'comes'], [down, 'leaves'])}`],
    ['Instances', `${now.wanted} wanted for ${formatAge(at - now.since)}, ${now.ready} ready, ${now.starting} starting${draining}`],
    ...(status?.state ? [['State', [status.state, status.message].filter(Boolean).join(': ')] as [string, string]] : []),
    ['Reason', now.reason],
    [
      'Load',
      sample
        ? `${figure(sample.arrivals)} requests/s, ${figure(sample.concurrency)} at a time, ${sample.queued} wait; ${figure(sample.misses)} misses/s`
        : 'not looked at yet',
    ],
    [
      'Start-up',
      startup.measured
        ? `${figure(startup.ms / 1_000)} s, the median of the last ones`
        : `${startup.ms / 1_000} s assumed; none has been seen yet`,
    ],
    ...(speed ? [['Speed', speedText(speed)] as [string, string]] : []),
  ]
}

/** "; after a change none leaves within 1m" */
function rests(...each: readonly (readonly [within: string, does: string])[]): string {
  const told = each.filter(([within]) => parseDuration(within) !== 0).map(([within, does]) => `none ${does} within ${within}`)
  return told.length === 0 ? '' : `; after a change ${told.join(', and ')}`
}

function speedText(speed: NonNullable<ScaledNow['speed']>): string {
  if ('missing' in speed) return `not known yet: ${speed.missing}`
  const { curve, rate, tokensIn, tokensOut } = speed
  const bears = `an instance bears ${figure(rate)} requests/s of ${figure(tokensIn)} tokens in and ${figure(tokensOut)} out`
  const places = `${curve.sequences} at a time, a token every ${figure(curve.decode.at(-1)!.stepMs)} ms`
  return `${bears}; ${places}. From: ${curve.source.charAt(0).toLowerCase()}${curve.source.slice(1)}`
}

type Decision = ScalingAnswer['decisions'][number]

function decisionsText(decisions: readonly Decision[], hours: string, inputs: boolean): string {
  const span = hours === '1' ? 'hour' : `${hours} hours`
  if (decisions.length === 0) return `Nothing was changed in the last ${span}.`
  const table: Column<Decision>[] = [
    { heading: 'TIME', value: ({ at }) => `${new Date(at).toISOString().slice(0, 19)}Z` },
    { heading: 'CHANGE', value: ({ from, wanted }) => `${from} → ${wanted}` },
    { heading: 'REASON', value: ({ reason }) => reason },
    ...(inputs ? [{ heading: 'INPUTS', value: inputsText }] : []),
  ]
  return formatTable(decisions, table)
}

const inputsText = (decision: Decision): string =>
  Object.entries(decision.inputs)
    .map(([name, value]) => `${name}=${typeof value === 'number' ? figure(value) : value}`)
    .join(' ')

/** Three digits that matter. */
function figure(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}
