/** `strata restart`: new instances in the place of those that run, though nothing of the version has changed. */
import { StrataError } from '../../kernel/errors.ts'
import { KINDS, type Resource } from '../../resources/index.ts'
import { RESTARTED_AT } from '../../resources/model-version.ts'
import { connectControl } from '../control-client.ts'
import { getResource } from '../resource-access.ts'

export async function restart(names: readonly string[], { namespace }: { readonly namespace: string }): Promise<void> {
  const client = connectControl()
  for (const name of names) {
    const version: Resource<'ModelVersion'> = await getResource(client, 'ModelVersion', namespace, name)
    if (version.spec.source.backend)
      throw new StrataError(
        'usage',
        `ModelVersion/${name} lives on the backend ${version.spec.source.backend.name} and has no instances here.`,
        {
          advice: 'Restart that server.',
        },
      )
    const { apiVersion, kind, metadata, spec } = version
    const annotations = { ...metadata.annotations, [RESTARTED_AT]: new Date().toISOString() }
    await client.call('PUT', `/${KINDS.ModelVersion.plural}/${encodeURIComponent(name)}?namespace=${encodeURIComponent(namespace)}`, {
      apiVersion,
      kind,
      metadata: { ...metadata, annotations },
      spec,
    })
    const count = version.status?.instances?.wanted ?? spec.scaling.min
    const replaced =
      count === 0
        ? 'none of it runs; the next one is new'
        : count === 1
          ? 'its instance is replaced'
          : `its ${count} instances are replaced`
    console.log(`~ ModelVersion/${name}: ${replaced}`)
  }
}
