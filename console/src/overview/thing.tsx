/** The thing that was clicked: its state, what flows, and the manifest that says it. Stands in the address, so that it can be sent to others. */
import { Button, Code, CopyButton, Drawer, Text } from '@mantine/core'
import { stringify } from 'yaml'
import { useSystem } from '../api/system.tsx'
import { ago, milliseconds, percent, rate } from '../shell/format.ts'
import { navigate } from '../shell/router.tsx'
import { keyOf } from './graph.ts'

export function ThingDrawer({ thing }: { thing: string | null }) {
  return (
    <Drawer
      opened={thing !== null}
      onClose={() => navigate('/')}
      position="right"
      size="md"
      title={thing ?? ''}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
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
    return (
      <dl className="facts">
        {process && <Fact name="State" value={`${process.state}, ${ago(process.since)}`} />}
        {process?.pid !== undefined && <Fact name="Process id" value={String(process.pid)} />}
        {process && <Fact name="Restarts" value={String(process.restarts)} />}
        {process?.lastEnd && <Fact name="Last end" value={process.lastEnd} />}
        {instance?.load && (
          <Fact
            name="Requests"
            value={`${instance.load.running} running of ${instance.load.sequences}, ${instance.load.waiting} waiting`}
          />
        )}
        {instance?.load && <Fact name="Tokens" value={rate(instance.load.tokensPerSecond)} />}
        {instance?.load && <Fact name="Context in use" value={`${instance.load.kvUsedTokens} of ${instance.load.kvTotalTokens} tokens`} />}
        {instance?.load && <Fact name="Memory" value={`${Math.round(instance.load.residentBytes / 1e6)} MB`} />}
        {instance?.message && <Fact name="Says" value={instance.message} />}
      </dl>
    )
  }

  const resource = [...routes, ...versions].find((each) => each.kind === kind && keyOf(each) === key)
  if (!resource) return <Gone />
  const rates = kind === 'Route' ? traffic?.routes[key] : traffic?.versions[key]
  const version = status?.versions.find((each) => kind === 'ModelVersion' && `${each.namespace}/${each.name}` === key)
  const { apiVersion, metadata, spec } = resource
  const manifest = stringify({
    apiVersion,
    kind,
    metadata: { name: metadata.name, namespace: metadata.namespace, labels: metadata.labels },
    spec,
  })
  return (
    <>
      <dl className="facts">
        {version && <Fact name="State" value={version.message ? `${version.state}: ${version.message}` : version.state} />}
        {version && version.engine !== 'backend' && (
          <Fact name="Instances" value={`${version.instances.ready} of ${version.instances.wanted} ready`} />
        )}
        {version?.weights?.sha256 && <Fact name="Weights" value={`sha256 ${version.weights.sha256.slice(0, 12)}…`} />}
        {rates && <Fact name="Requests" value={rate(rates.requestsPerSecond)} />}
        {rates && <Fact name="Errors" value={percent(rates.errorRate)} />}
        {rates && <Fact name="First token" value={`${milliseconds(rates.firstTokenP50)} · p95 ${milliseconds(rates.firstTokenP95)}`} />}
        {rates && <Fact name="Tokens" value={rate(rates.tokensPerSecond)} />}
      </dl>
      <div className="manifest-head">
        <Text fw={600} size="sm">
          Manifest
        </Text>
        <CopyButton value={manifest}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </div>
      <Code block tabIndex={0}>
        {manifest}
      </Code>
      <Text size="sm" c="dimmed" mt="xs">
        Change it and say <Code>strata apply -f FILE</Code>.
      </Text>
    </>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function Gone() {
  return <Text>It is not there any more.</Text>
}
