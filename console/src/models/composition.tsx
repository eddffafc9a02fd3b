/** What makes the answers of a version what they are: weights with their origin, a container image, or the backend that it lives on; prompt, sampling. */
import type { VersionStatus } from '../../../src/control/status.ts'
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace } from '../api/resources.ts'
import { PROTOCOLS, secretInWords } from '../backends/words.ts'
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
        {source.image && <ImageFacts image={source.image} model={resource.spec.model} />}
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
            <span className="quiet">the {source.engine ? 'engine' : 'server'}'s own</span>
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

type Image = NonNullable<Resource<'ModelVersion'>['spec']['source']['image']>

function ImageFacts({ image, model }: { readonly image: Image; readonly model: string }) {
  const { name, protocol, port, path, args, env, volumes, credentials, maxConcurrent, version } = image
  return (
    <>
      <Fact name="Image">
        <span className="mono">{name}</span>
      </Fact>
      <Fact name="Speaks">
        {PROTOCOLS[protocol].name} on port {port}
        {path !== undefined && (
          <>
            , under <span className="mono">{path || '/'}</span>
          </>
        )}
      </Fact>
      <Fact name="Model there">
        <span className="mono">{image.model ?? model}</span>
        {version !== undefined && ` version ${version}`}
      </Fact>
      {credentials && (
        <Fact name="Key">
          read from <Secret reference={credentials.bearer} />
        </Fact>
      )}
      <Fact name="Takes">{count(maxConcurrent)} requests at once from each gateway, at most</Fact>
      <Fact name="Arguments">
        {args ? (
          <ol className="plain-list mono">
            {args.map((each, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: arguments are told apart by their place alone
              <li key={at}>{each === '' ? '""' : each}</li>
            ))}
          </ol>
        ) : (
          <span className="quiet">the image's own command</span>
        )}
      </Fact>
      {env && Object.keys(env).length > 0 && (
        <Fact name="Environment">
          <ul className="plain-list">
            {Object.entries(env).map(([variable, value]) => (
              <li key={variable}>
                <span className="mono">{variable}</span>{' '}
                {typeof value === 'object' && (
                  <span className="quiet">
                    from <Secret reference={value} />
                  </span>
                )}
              </li>
            ))}
          </ul>
        </Fact>
      )}
      {volumes && volumes.length > 0 && (
        <Fact name="Volumes">
          <ul className="plain-list">
            {volumes.map(({ source, target, readOnly }) => (
              <li key={target}>
                <span className="mono">{source}</span> at <span className="mono">{target}</span>
                {readOnly && <span className="quiet">, to read only</span>}
              </li>
            ))}
          </ul>
        </Fact>
      )}
    </>
  )
}

/** Its place; the secret itself never comes here. */
function Secret({ reference }: { readonly reference: Parameters<typeof secretInWords>[0] }) {
  const { from, name } = secretInWords(reference)
  return (
    <>
      {from} <span className="mono">{name}</span>
    </>
  )
}

/** "timeToFirstToken" → "Time to first token" */
function inWords(field: string): string {
  if (field === 'gpu') return 'GPU'
  const words = field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words[0]!.toUpperCase() + words.slice(1)
}
