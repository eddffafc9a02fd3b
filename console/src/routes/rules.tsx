/** Everything else that a route says: names, stickiness, what happens when a version cannot answer, how long things may take. */
import type { Resource } from '../../../src/resources/index.ts'
import { inNamespace } from '../api/resources.ts'
import { Fact, Facts, Panel } from '../parts/index.ts'
import { Link } from '../shell/router.tsx'

const ON: Record<string, string> = {
  unavailable: 'no instance can take it',
  timeout: 'the first byte is late',
  overloaded: 'all are full',
  connect: 'the instance does not accept the connection',
}

export function Rules({ route }: { readonly route: Resource<'Route'> }) {
  const { models, stickyBy, fallbacks, timeouts, retries, limits } = route.spec
  const units = [
    stickyBy.header && `the header ${stickyBy.header}`,
    stickyBy.body && "the request's own user field",
    stickyBy.else === 'consumer' ? 'the consumer' : 'nothing (each request anew)',
  ].filter(Boolean)
  return (
    <Panel title="Rules">
      <Facts>
        <Fact name="Clients write">
          <span className="mono">{models.join(', ')}</span>
        </Fact>
        <Fact name="Stays on a version by">{units.join(', else ')}</Fact>
        <Fact name="When it cannot answer">
          {fallbacks.length === 0 ? (
            <span className="quiet">nothing steps in</span>
          ) : (
            <ol className="plain-list">
              {fallbacks.map(({ version, on }) => (
                <li key={version}>
                  {version} <span className="quiet">when {on.map((each) => ON[each] ?? each).join(', or ')}</span>
                </li>
              ))}
            </ol>
          )}
        </Fact>
        <Fact name="Tried again">
          {retries.attempts === 0
            ? 'never'
            : `${retries.attempts === 1 ? 'once' : `${retries.attempts} times`} on another instance, when ${retries.on.map((each) => ON[each] ?? each).join(', or ')}; never after the first byte`}
        </Fact>
        <Fact name="May take">
          {timeouts.connect} to connect, {timeouts.firstByte} to the first byte, {timeouts.idle} between two chunks, {timeouts.total} in all
        </Fact>
        <Fact name="Limits">
          {limits.length === 0 ? (
            <span className="quiet">none of its own</span>
          ) : (
            limits.map((name, at) => (
              <span key={name}>
                {at > 0 && ', '}
                <Link href={`/limits/${name}${inNamespace(route.metadata.namespace)}`}>{name}</Link>
              </span>
            ))
          )}
        </Fact>
      </Facts>
    </Panel>
  )
}
