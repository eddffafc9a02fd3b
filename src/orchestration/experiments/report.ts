/** What an experiment's status tells of its arms. Pure. */
import type { ArmStatus } from '../../resources/experiment.ts'
import type { Spec } from '../../resources/index.ts'
import { roughly } from '../comparison/words.ts'
import type { Point } from './course.ts'
import type { ArmFinding } from './findings.ts'
import type { ExperimentStatus } from './verdict.ts'

/**
 * The control first, then the others in their order. What a stopped arm had shown stays as it was when it stopped.
 *
 * @param before What was stored last.
 * @param courses Of the arms beside the control.
 */
export function armReports(
  { arms }: Spec<'Experiment'>,
  status: ExperimentStatus,
  before: ExperimentStatus | undefined,
  findings: readonly ArmFinding[],
  courses: readonly (readonly Point[])[],
): ArmStatus[] {
  const exposed = Math.max(0, ...findings.map((finding) => finding.exposed.baseline))
  const control = { name: arms[0]!.name, exposed }
  const others = findings.map((finding, i): ArmStatus => {
    const stored = before?.arms?.find((arm) => arm.name === finding.name)
    if (stored?.stopped !== undefined) return stored
    const now = status.arms?.find((arm) => arm.name === finding.name)
    const { name, effect, better, worse, futile, unitsMissing, ratioP, metrics } = finding
    const isOpen = now?.stopped === undefined && better < 1 && effect.value !== undefined && Number.isFinite(unitsMissing)
    return {
      ...{ name, exposed: finding.exposed.candidate, effect, better, worse, futile },
      ...(isOpen ? { missing: roughly(unitsMissing) } : {}),
      ratioP: Number(ratioP.toPrecision(3)),
      metrics: [...metrics],
      ...(now?.futileAt === undefined ? {} : { futileAt: now.futileAt }),
      ...(now?.stopped === undefined ? {} : { stopped: now.stopped, stoppedBecause: now.stoppedBecause }),
      ...(now?.stopped === 'harm' ? { stoppedBy: [...finding.harmBy] } : {}),
      course: (courses[i] ?? []).map((point) => [...point] as [number, number, number, number]),
    }
  })
  return [control, ...others]
}
