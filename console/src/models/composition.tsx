/** What makes the answers of a version what they are: weights with their digest and origin, or the backend that it lives on; prompt, sampling. */
import type { VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace } from '../api/resources.ts'
import { Ago, Fact, Facts, Panel, Tag } from '../parts/index.ts'
import { bytes, count, percent } from '../shell/format.ts'
import { Link } from '../shell/router.tsx'
import { weightsName, whichThere } from './versions.ts'

export function Composition(props: {
  readonly resource: Resource<'ModelVersion'>
  readonly status: VersionStatus | undefined
  /** It has answered: what is shown here cannot change any more. */
  readonly fixed: boolean
}) {
  const { resource, status, fixed } = props
  const { source, prompt, sampling, pricing } = resource.spec
  const set = Object.entries(sampling).filter(([, value]) => value !== undefined)
  return (
    <Panel title="What it is made of" beside={fixed && <Tag>immutable</Tag>}>
      <Facts>
        <Fact name="Resource">
          <span className="mono">{resource.metadata.name}</span>, generation {resource.metadata.generation}, made{' '}
          <Ago at={resource.metadata.creationTimestamp ?? ''} />
        </Fact>
        {source.backend && (
          <Fact name="Backend">
            <Link href={`/backends/${source.backend.name}${inNamespace(resource.metadata.namespace)}`}>{source.backend.name}</Link>, model{' '}
            <span className="mono">{source.backend.model ?? resource.spec.model}</span>
            {whichThere(source.backend)}
          </Fact>
        )}
        {source.engine && <Fact name="Engine">{source.engine.kind === 'llama' ? 'llama.cpp' : 'simulated: no model behind it'}</Fact>}
        {source.engine?.kind === 'llama' && <WeightsFacts source={source.engine} status={status} />}
        {source.engine &&
          Object.entries(source.engine.parameters).map(([name, value]) => (
            <Fact key={name} name={inWords(name)}>
              {typeof value === 'number' ? count(value) : String(value)}
            </Fact>
          ))}
        <Fact name="System prompt">
          {prompt.system ? <span className="prompt-text">{prompt.system}</span> : <span className="quiet">none</span>}
        </Fact>
        <Fact name="Sampling">
          {set.length === 0 ? (
            <span className="quiet">the {source.backend ? 'server' : 'engine'}'s own</span>
          ) : (
            set.map(([name, value]) => `${inWords(name)} ${value}`).join(', ')
          )}
        </Fact>
        {pricing && (
          <Fact name="Price">
            {pricing.inputPerMillion} in, {pricing.outputPerMillion} out, {pricing.currency} per million tokens
          </Fact>
        )}
      </Facts>
      {fixed && <p className="quiet hint">It has answered, so that these cannot change any more. To change them, make a new version.</p>}
    </Panel>
  )
}

function WeightsFacts({
  source,
  status,
}: {
  readonly source: Extract<NonNullable<Resource<'ModelVersion'>['spec']['source']['engine']>, { kind: 'llama' }>
  readonly status: VersionStatus | undefined
}) {
  const weights = status?.weights
  const name = weightsName(weights?.file)
  return (
    <>
      <Fact name="Weights">
        {name?.name} {name?.quantisation && <Tag>{name.quantisation}</Tag>}
      </Fact>
      <Fact name="Size">
        {weights?.receivedBytes !== undefined && weights.bytes
          ? `${bytes(weights.receivedBytes)} of ${bytes(weights.bytes)} fetched (${percent(weights.receivedBytes / weights.bytes)})`
          : weights?.bytes
            ? bytes(weights.bytes)
            : '–'}
      </Fact>
      <Fact name="Digest">
        <span className="mono">sha256 {weights?.sha256 ?? source.weights.sha256 ?? 'pinned after the first download'}</span>
      </Fact>
      <Fact name="Fetched from">
        {weights?.from ? <span className="mono">{weights.from}</span> : <span className="quiet">not yet</span>}
      </Fact>
      <Fact name="Places">
        <ol className="plain-list mono">
          {source.weights.from.map((place) => (
            <li key={place}>{place}</li>
          ))}
        </ol>
      </Fact>
    </>
  )
}

/** "timeToFirstToken" → "Time to first token" */
function inWords(field: string): string {
  if (field === 'gpu') return 'GPU'
  const words = field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words[0]!.toUpperCase() + words.slice(1)
}
