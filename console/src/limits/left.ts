/** What is left of a limit: the gateways' shares put together. Pure. */
import type { Spec } from '../../../src/resources/index.ts'
import type { RuleState } from '../../../src/resources/snapshot.ts'

export interface GatewayLimits {
  readonly id: string
  readonly problem?: string
  readonly states: readonly RuleState[]
  readonly more: number
}

export interface Share {
  readonly gateway: string
  readonly left: number
  readonly most: number
}

export interface Left {
  readonly rule: number
  readonly sort: RuleState['sort']
  /** "namespace/name", empty for a limit of all. */
  readonly subject: string
  /** Over all gateways that answered; a gateway that has not seen the subject has its whole share. */
  readonly left: number
  readonly most: number
  readonly resetMs: number | undefined
  readonly shares: readonly Share[]
}

type Rule = Spec<'Limit'>['rules'][number]

/** Most at once, as it is written. */
export function wholeOf(rule: Rule): number {
  if ('concurrent' in rule) return rule.concurrent
  if ('requests' in rule) return rule.burst ?? rule.requests
  return rule.burst ?? rule.tokens
}

/** By rule and subject, those with the smallest share left first. */
export function leftOf(
  limit: { readonly namespace: string; readonly name: string; readonly rules: readonly Rule[] },
  gateways: readonly GatewayLimits[],
): Left[] {
  const answered = gateways.filter(({ problem }) => problem === undefined).toSorted((a, b) => a.id.localeCompare(b.id))
  const found = new Map<string, Map<string, RuleState>>()
  for (const { id, states } of answered)
    for (const state of states) {
      if (state.limit !== limit.name || state.namespace !== limit.namespace) continue
      const key = `${state.rule} ${state.subject}`
      const byGateway = found.get(key) ?? new Map<string, RuleState>()
      found.set(key, byGateway.set(id, state))
    }
  const all = [...found.values()].flatMap((byGateway): Left[] => {
    const [first] = byGateway.values()
    const rule = first && limit.rules[first.rule]
    if (!first || !rule) return []
    // One that has not seen the subject has its whole share: what the others' shares leave of the whole.
    const whole = wholeOf(rule)
    const seen = [...byGateway.values()]
    const rest = answered.length - byGateway.size
    const restMost = rest === 0 ? 0 : Math.max(0, whole - seen.reduce((sum, { most }) => sum + most, 0))
    const shares = answered.map(({ id }): Share => {
      const state = byGateway.get(id)
      return state
        ? { gateway: id, left: state.left, most: state.most }
        : { gateway: id, left: Math.floor(restMost / rest), most: Math.floor(restMost / rest) }
    })
    const resets = seen.flatMap(({ resetMs }) => resetMs ?? [])
    return [
      {
        rule: first.rule,
        sort: first.sort,
        subject: first.subject,
        left: shares.reduce((sum, { left }) => sum + left, 0),
        most: shares.reduce((sum, { most }) => sum + most, 0),
        resetMs: resets.length > 0 ? Math.max(...resets) : undefined,
        shares,
      },
    ]
  })
  return all.sort((a, b) => shareOf(a) - shareOf(b) || a.subject.localeCompare(b.subject) || a.rule - b.rule)
}

export function shareOf({ left, most }: { readonly left: number; readonly most: number }): number {
  return most === 0 ? 0 : left / most
}

const EVERY: Readonly<Record<string, string>> = { '1s': 'a second', '1m': 'a minute', '1h': 'an hour', '1d': 'a day', '24h': 'a day' }

/** "120 requests a minute, at most 10 at once" */
export function ruleInWords(rule: Rule): string {
  if ('concurrent' in rule) return `${number(rule.concurrent)} at the same time`
  const [amount, unit] = 'requests' in rule ? [rule.requests, 'requests'] : [rule.tokens, 'tokens']
  const every = EVERY[rule.every] ?? `in ${rule.every}`
  return `${number(amount)} ${unit} ${every}${rule.burst === undefined ? '' : `, at most ${number(rule.burst)} at once`}`
}

const PER: Readonly<Record<Spec<'Limit'>['per'], string>> = {
  key: 'each key',
  consumer: 'each consumer',
  model: 'each model',
  route: 'each route',
  all: 'all together',
}

export function perInWords(per: Spec<'Limit'>['per']): string {
  return PER[per]
}

/** "default/shop" → "shop"; what is left of an empty one is everybody. */
export function subjectInWords(subject: string): string {
  if (subject === '') return 'all together'
  return subject.startsWith('default/') ? subject.slice('default/'.length) : subject
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
