/** How the instances of a version are run and looked after: none of it makes its answers, so that it may change at any time. */
import type { Spec } from '../../../src/resources/index.ts'
import { Fact, Facts, Panel } from '../parts/index.ts'
import { limitsInWords, probesInWords, RUNTIMES, runtimeOf } from './instance-words.ts'

export function HowItRuns({ spec }: { readonly spec: Spec<'ModelVersion'> }) {
  const { resources, warmup, drainTimeout } = spec
  const runtime = runtimeOf(spec)
  const probes = spec.probes && probesInWords(spec.probes)
  const requests = warmup?.requests.length
  return (
    <Panel title="How it runs">
      <Facts>
        <Fact name="Instances">each is {RUNTIMES[runtime].long}</Fact>
        <Fact name="Limits">
          {limitsInWords(resources) || <span className="quiet">none</span>}
          {runtime === 'process' && (resources?.cpu !== undefined || resources?.gpus !== undefined) && (
            <span className="secondary">Of these, processes are held to the memory alone; containers to all.</span>
          )}
        </Fact>
        {probes && (
          <>
            <Fact name="Start">{probes.startup}</Fact>
            <Fact name="Readiness">{probes.readiness}</Fact>
            <Fact name="Liveness">{probes.liveness}</Fact>
          </>
        )}
        {warmup && (
          <Fact name="Warm-up">
            {requests === 1 ? 'one request' : `${requests} requests`} to a new instance before any of a client, each answered within{' '}
            {warmup.timeout}
          </Fact>
        )}
        <Fact name="Leaving">when its streams have ended, after {drainTimeout} at the latest</Fact>
      </Facts>
    </Panel>
  )
}
