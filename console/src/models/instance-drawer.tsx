/** One instance, beside its version and at an address of its own: what state it is in and how it came there, what it runs, what it prints. */
import './instances.css'
import type { VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { Ago, Drawer, Fact, Facts, Measure, Measures, Tag } from '../parts/index.ts'
import { bytes, count, rate } from '../shell/format.ts'
import { StateMark } from '../shell/state-mark.tsx'
import { InstanceLogs } from './instance-logs.tsx'
import { busyInWords, contextInWords, type InstanceRow, instanceRows, RUNTIMES, STATES } from './instance-words.ts'
import { StateHistory } from './state-history.tsx'
import { weightsName } from './versions.ts'

export function InstanceDrawer(props: {
  readonly id: string | undefined
  readonly resource: Resource<'ModelVersion'>
  readonly status: VersionStatus | undefined
  readonly onClose: () => void
}) {
  const { id, resource, status, onClose } = props
  const instance = instanceRows(status?.instances).find((each) => each.id === id)
  return (
    <Drawer opened={id !== undefined} onClose={onClose} size="xl" title={id ?? ''}>
      {id !== undefined && (
        <div className="instance">
          {instance ? (
            <Known instance={instance} resource={resource} status={status} />
          ) : (
            <p className="flat">
              {status ? 'No instance of this version has that id any more. What has left is listed for a minute.' : 'Not known yet.'}
            </p>
          )}
          <InstanceLogs key={id} id={id} gone={instance ? instance.hasLeft : status !== undefined} />
        </div>
      )}
    </Drawer>
  )
}

function Known(props: {
  readonly instance: InstanceRow
  readonly resource: Resource<'ModelVersion'>
  readonly status: VersionStatus | undefined
}) {
  const { instance, resource, status } = props
  const { state, since, message, simulated, runtime, restarts, load, changes } = instance
  const { health, meaning } = STATES[state]
  const busy = busyInWords(load)
  const context = contextInWords(load)
  return (
    <>
      <p className="instance-state">
        <StateMark health={health} label="" /> {state}
        {simulated && <Tag tone="bad">SIMULATED</Tag>}
        <span className="quiet">
          since <Ago at={since} />. {meaning}
        </span>
      </p>
      {message && <p className={health === 'bad' ? 'note bad' : 'note'}>{message}</p>}
      {load && (
        <Measures label="Figures">
          {busy !== undefined && <Measure name="Busy">{busy}</Measure>}
          {load.tokensPerSecond !== undefined && <Measure name="Tokens">{rate(load.tokensPerSecond)}</Measure>}
          {context !== undefined && <Measure name="Context in use">{context}</Measure>}
          {load.residentBytes !== undefined && <Measure name="Memory">{bytes(load.residentBytes)}</Measure>}
        </Measures>
      )}
      <Facts>
        <Fact name="Runs">
          <Program instance={instance} resource={resource} status={status} />
        </Fact>
        <Fact name="As">{RUNTIMES[runtime].long}</Fact>
        <Fact name="Restarts">
          {restarts === 0 ? 'none' : count(restarts)}
          {restarts > 0 && <span className="quiet">: its program ended and was started again</span>}
        </Fact>
      </Facts>
      <h3>History</h3>
      <StateHistory changes={changes} />
    </>
  )
}

function Program({ instance, resource, status }: Parameters<typeof Known>[0]) {
  const { engine, image } = resource.spec.source
  if (image)
    return (
      <>
        the image <span className="mono">{image.name}</span>
      </>
    )
  if (instance.simulated) return 'the simulated engine, in place of weights that are missing'
  return engine?.kind === 'llama' ? `llama.cpp with ${weightsName(status?.weights?.file)?.name ?? 'its weights'}` : 'the simulated engine'
}
