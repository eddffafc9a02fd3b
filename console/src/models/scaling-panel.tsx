/** What decides how many instances of a version run, how many are wanted, and why. */
import type { Resource } from '../../../src/resources/index.ts'
import { policyInWords } from '../autoscaling/policy.ts'
import { scalingHref } from '../autoscaling/ranges.ts'
import { Ago, Fact, Facts, Panel } from '../parts/index.ts'
import { Link } from '../shell/router.tsx'

export function ScalingPanel({ resource: { metadata, spec, status } }: { readonly resource: Resource<'ModelVersion'> }) {
  const { min, max, policy } = spec.scaling
  const scaling = policy && status?.scaling
  return (
    <Panel title="Autoscaling" beside={<Link href={scalingHref(metadata)}>{policy ? 'Load and decisions' : 'How to turn it on'}</Link>}>
      <Facts>
        <Fact name="Policy">{policy ? policyInWords(policy) : <span className="quiet">none: {min} run, whatever the load</span>}</Fact>
        {policy && (
          <Fact name="Bounds">
            {min} to {max}
          </Fact>
        )}
        {scaling && (
          <>
            <Fact name="Wanted">
              {scaling.wanted}, since <Ago at={scaling.since} />
            </Fact>
            <Fact name="Reason">{scaling.reason}</Fact>
          </>
        )}
      </Facts>
    </Panel>
  )
}
