/** Everything that is derived from the schemas and checked in, as texts by path. */

import { generateCliReference } from '../../src/cli/reference.ts'
import { openApiDocument } from '../../src/control/openapi/index.ts'
import { KIND_NAMES, KINDS } from '../../src/resources/index.ts'
import { GENERATED, kindPage, metadataPage } from './kind-page.ts'

export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>()
  for (const kind of KIND_NAMES) files.set(`docs/reference/${kind.toLowerCase()}.md`, kindPage(kind))
  files.set('docs/reference/metadata.md', metadataPage())
  files.set('docs/reference/cli.md', generateCliReference())
  files.set('docs/reference/README.md', contents())
  files.set('docs/reference/openapi.json', `${JSON.stringify(openApiDocument(), undefined, 2)}\n`)
  return files
}

function contents(): string {
  const kinds = KIND_NAMES.map(
    (kind) => `- [${kind}](${kind.toLowerCase()}.md): ${KINDS[kind].description.split('. ')[0]!.replace(/\.$/, '')}.`,
  )
  return `${GENERATED}

# Reference

Every resource is \`apiVersion: strata.dev/v1alpha1\`, a \`kind\`, [\`metadata\`](metadata.md) and a \`spec\`:

${kinds.join('\n')}

The [command line](cli.md) has a page of its own. The control API is described in [openapi.json](openapi.json); a running system serves it as a page at \`/api/docs\`.
`
}
