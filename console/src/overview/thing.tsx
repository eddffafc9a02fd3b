/** The thing that was clicked: its state, what flows, and the manifest that says it. Stands in the address, so that it can be sent to others. */
import { stringify } from 'yaml'
import { inNamespace, keyOf, manifestOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { Ago, CodeBlock, Drawer, Fact, Facts } from '../parts/index.ts'
import { bytes, milliseconds, percent, rate } from '../shell/format.ts'
import { Link, navigate } from '../shell/router.tsx'

export function ThingDrawer({ thing }: { thing: string | null }) {
  return (
    <Drawer opened={thing !== null} onClose={() => navigate('/')} title={thing ?? ''}>
      {thing !== null && <Thing thing={thing} />}
    </Drawer>
  )
}

function Thing({ thing }: { thing: string }) {
  const { status, traffic, routes, versions } = useSystem()
  const slash = thing.indexOf('/')
  const kind = thing.slice(0, slash)
  const key = thing.slice(slash + 1)

  if (kind === 'Process') {
    const process = status?.processes.find(({ name }) => name === key)
    const instance = status?.versions.flatMap(({ instances }) => instances.list).find(({ id }) => `engine-${id}` === key)
    if (!process && !instance) return <Gone />
    const load = instance?.load
    return (
      <Facts>
        {process && (
          <Fact name="State">
            {process.state}, <Ago at={process.since} />
          </Fact>
        )}
        {process?.pid !== undefined && <Fact name="Process id">{process.pid}</Fact>}
        {process && <Fact name="Restarts">{process.restarts}</Fact>}
        {process?.lastEnd && <Fact name="Last end">{process.lastEnd}</Fact>}
        {load && (
          <>
            <Fact name="Requests">
              {load.running} running of {load.sequences}, {load.waiting} waiting
            </Fact>
            <Fact name="Tokens">{rate(load.tokensPerSecond)}</Fact>
            <Fact name="Context in use">
              {load.kvUsedTokens} of {load.kvTotalTokens} tokens
            </Fact>
            <Fact name="Memory">{bytes(load.residentBytes)}</Fact>
          </>
        )}
        {instance?.message && <Fact name="Says">{instance.message}</Fact>}
      </Facts>
    )
  }

  const resource = [...routes, ...versions].find((each) => each.kind === kind && keyOf(each) === key)
  if (!resource) return <Gone />
  const rates = kind === 'Route' ? traffic?.routes[key] : traffic?.versions[key]
  const version = status?.versions.find((each) => kind === 'ModelVersion' && `${each.namespace}/${each.name}` === key)
  const { namespace, name } = resource.metadata
  const page =
    resource.kind === 'ModelVersion'
      ? `/models/${resource.spec.model}/${resource.spec.version}${inNamespace(namespace)}`
      : `/routes/${name}${inNamespace(namespace)}`
  return (
    <>
      <Facts>
        {version && <Fact name="State">{version.message ? `${version.state}: ${version.message}` : version.state}</Fact>}
        {version && version.engine !== 'backend' && (
          <Fact name="Instances">
            {version.instances.ready} of {version.instances.wanted} ready
          </Fact>
        )}
        {version?.weights?.sha256 && <Fact name="Weights">sha256 {version.weights.sha256.slice(0, 12)}…</Fact>}
        {rates && (
          <>
            <Fact name="Requests">{rate(rates.requestsPerSecond)}</Fact>
            <Fact name="Errors">{percent(rates.errorRate)}</Fact>
            <Fact name="First token">
              {milliseconds(rates.firstTokenP50)} · p95 {milliseconds(rates.firstTokenP95)}
            </Fact>
            <Fact name="Tokens">{rate(rates.tokensPerSecond)}</Fact>
          </>
        )}
      </Facts>
      <p>
        <Link href={page}>{kind === 'Route' ? 'Open the route' : 'Open the version'}</Link>
      </p>
      <CodeBlock title="Manifest" code={stringify(manifestOf(resource))} />
    </>
  )
}

function Gone() {
  return <p>It is not there any more.</p>
}
