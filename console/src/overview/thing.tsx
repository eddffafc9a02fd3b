/** The thing that was clicked: its state, what flows, and the manifest that says it. Stands in the address, so that it can be sent to others. */
import { stringify } from 'yaml'
import { inNamespace, keyOf, manifestOf } from '../api/resources.ts'
import { useSystem } from '../api/system.tsx'
import { busyInWords, contextInWords, instanceRows, RUNTIMES } from '../models/instance-words.ts'
import { StateHistory } from '../models/state-history.tsx'
import { instanceHref } from '../models/versions.ts'
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

  if (kind === 'Process') return <ProcessThing name={key} />
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
        {resource.kind === 'ModelVersion' && resource.spec.source.image && (
          <Fact name="Image">
            <span className="mono">{resource.spec.source.image.name}</span>
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

/** A process, or an instance: one in a container has no process here. */
function ProcessThing({ name }: { readonly name: string }) {
  const { status, versions } = useSystem()
  const process = status?.processes.find((each) => each.name === name)
  const of = status?.versions.find(({ instances }) => instanceRows(instances).some(({ id }) => `engine-${id}` === name))
  const instance = instanceRows(of?.instances).find(({ id }) => `engine-${id}` === name)
  const resource = versions.find(({ metadata }) => metadata.name === of?.name && metadata.namespace === of.namespace)
  const is = instance ?? process
  if (!is) return <Gone />
  const { load } = instance ?? {}
  const busy = busyInWords(load)
  const context = contextInWords(load)
  return (
    <>
      <Facts>
        <Fact name="State">
          {is.state}, <Ago at={is.since} />
        </Fact>
        {instance && <Fact name="Runs as">{RUNTIMES[instance.runtime].long}</Fact>}
        {process?.pid !== undefined && <Fact name="Process id">{process.pid}</Fact>}
        <Fact name="Restarts">{is.restarts}</Fact>
        {process?.lastEnd && <Fact name="Last end">{process.lastEnd}</Fact>}
        {busy !== undefined && <Fact name="Busy">{busy}</Fact>}
        {load?.tokensPerSecond !== undefined && <Fact name="Tokens">{rate(load.tokensPerSecond)}</Fact>}
        {context !== undefined && <Fact name="Context in use">{context}</Fact>}
        {load?.residentBytes !== undefined && <Fact name="Memory">{bytes(load.residentBytes)}</Fact>}
        {instance?.message && <Fact name="Says">{instance.message}</Fact>}
      </Facts>
      {instance && resource && (
        <>
          <p>
            <Link href={instanceHref(resource, instance.id)}>Open the instance</Link>
          </p>
          <h3>History</h3>
          <StateHistory changes={instance.changes} />
        </>
      )}
    </>
  )
}

function Gone() {
  return <p>It is not there any more.</p>
}
