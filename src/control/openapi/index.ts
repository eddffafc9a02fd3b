/** The control API as an OpenAPI 3.1 document. Schemas of resources come from zod; the rest is said here, once. */
import { requestRecord } from '../../monitoring/request-records.ts'
import { KIND_NAMES } from '../../resources/index.ts'
import { jsonSchemaOf } from '../../resources/json-schema.ts'
import { error, type OpenApiDocument, problems, schema } from './parts.ts'
import { pathsOfKind } from './resource-paths.ts'
import { scalingPaths } from './scaling-paths.ts'
import { systemPaths } from './system-paths.ts'

export type { OpenApiDocument, Operation } from './parts.ts'

export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Strata control API',
      version: 'v1alpha1',
      description:
        'Resources, keys, status and traffic of one system. Roles: viewer reads, editor writes resources, admin also makes keys and tokens, gives folders of the machine to containers, and reads the audit.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1alpha1' }],
    security: [{ token: [] }, { session: [] }],
    paths: { ...Object.assign({}, ...KIND_NAMES.map(pathsOfKind)), ...scalingPaths(), ...systemPaths() },
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'strata_session_7401', description: 'Set by a login link; the number is the port.' },
      },
      schemas: {
        ...Object.fromEntries(KIND_NAMES.map((kind) => [kind, withoutDialect(jsonSchemaOf(kind))])),
        RequestRecord: schema(requestRecord),
        Error: schema(error),
        Problems: schema(problems),
      },
    },
  }
}

function withoutDialect(of: object): object {
  const { $schema: _, ...rest } = of as { $schema?: string }
  return rest
}
