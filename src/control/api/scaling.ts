/** What autoscaling does, and why: of all versions with a policy what is now, and of one its past. */
import type { FastifyInstance } from 'fastify'
import { StrataError } from '../../kernel/errors.ts'
import type { ScalingReport } from '../../orchestration/autoscaler/index.ts'
import type { Resource, Spec } from '../../resources/index.ts'
import type { ScalingDecision, ScalingPoint } from '../../store/index.ts'
import type { ControlContext } from '../context.ts'

const HOUR_MS = 3_600_000
/** Points are kept for a week, decisions for a month. */
const MOST_HOURS = 30 * 24

export interface ScaledNow extends ScalingReport {
  readonly namespace: string
  readonly name: string
}

export interface ScalingAnswer {
  /** As the version says. */
  readonly policy: Spec<'ModelVersion'>['scaling']
  /** Of the version itself: what keeps its instances from being ready stands here. Absent before its first status. */
  readonly status?: Pick<NonNullable<Resource<'ModelVersion'>['status']>, 'state' | 'message'>
  /** Absent where it has no policy. */
  readonly now?: ScaledNow
  /** A minute each, oldest first. */
  readonly points: readonly Omit<ScalingPoint, 'uid'>[]
  readonly decisions: readonly Omit<ScalingDecision, 'uid'>[]
}

export function registerScaling(api: FastifyInstance, { store, autoscaler, clock }: ControlContext): void {
  const { resources } = store

  api.get('/scaling', (request): { items: readonly ScaledNow[] } => {
    const { namespace } = request.query as { namespace?: string }
    return {
      items: resources.list('ModelVersion', namespace).flatMap((version) => {
        const report = autoscaler.report(version)
        return report ? [{ namespace: version.metadata.namespace, name: version.metadata.name, ...report }] : []
      }),
    }
  })

  api.get('/modelversions/:name/scaling', async (request): Promise<ScalingAnswer> => {
    const { name } = request.params as { name: string }
    const { namespace = 'default', hours = '1' } = request.query as { namespace?: string; hours?: string }
    const version = resources.get('ModelVersion', namespace, name)
    if (!version)
      throw new StrataError('not_found', `There is no ModelVersion ${JSON.stringify(name.slice(0, 80))} in the namespace ${namespace}.`, {
        advice: 'See: strata get versions',
      })
    if (!/^\d{1,4}(\.\d+)?$/.test(hours) || Number(hours) > MOST_HOURS)
      throw new StrataError('invalid_request', `\`hours\` is a number from 0 to ${MOST_HOURS}.`)
    const uid = version.metadata.uid!
    const from = clock.now() - Number(hours) * HOUR_MS
    const [points, decisions] = await Promise.all([store.scaling.points(uid, from), store.scaling.decisions(uid, from)])
    const report = autoscaler.report(version)
    const { state, message } = version.status ?? {}
    return {
      policy: version.spec.scaling,
      ...(state === undefined ? {} : { status: { state, ...(message === undefined ? {} : { message }) } }),
      ...(report ? { now: { namespace, name, ...report } } : {}),
      points: points.map(({ uid: _, ...point }) => point),
      decisions: decisions.map(({ uid: _, ...decision }) => decision),
    }
  })
}
