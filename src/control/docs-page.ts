/** The readable page of the API, from the same document as /api/openapi.json. Server-made, offline, no scripts. */
import type { OpenApiDocument, Operation } from './openapi/index.ts'
import { escapeHtml, page } from './page.ts'

export function docsPage(document: OpenApiDocument): string {
  const groups = new Map<string, string[]>()
  for (const [path, item] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(item)) {
      const tag = operation.tags[0] ?? ''
      groups.set(tag, [...(groups.get(tag) ?? []), entry(method, path, operation)])
    }
  const sections = [...groups].map(([tag, entries]) => `<h2>${escapeHtml(tag)}</h2>${entries.join('')}`)
  const intro = `<p>${code(document.info.description)}</p><p>For programs: <a href="/api/openapi.json">/api/openapi.json</a></p>`
  return page('Control API', intro + sections.join(''))
}

function entry(method: string, path: string, operation: Operation): string {
  const parameters = operation.parameters ?? []
  const rows = parameters.map(
    ({ name, in: where, description }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${where}</td><td>${code(description ?? '')}</td></tr>`,
  )
  const table = rows.length > 0 ? `<table><tr><th>Parameter</th><th>In</th><th></th></tr>${rows.join('')}</table>` : ''
  const body = operation.requestBody ? `<p>Body:</p>${schemaBlock(operation.requestBody.content['application/json']!.schema)}` : ''
  const answers = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const [type, answer] = Object.entries(content ?? {})[0] ?? []
    return `<p><b>${status}</b> ${code(description)}${type ? ` <code>${type}</code>` : ''}</p>${answer ? schemaBlock(answer.schema) : ''}`
  })
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escapeHtml(path)}</code> ${code(operation.summary)}</summary>${table}${body}${answers.join('')}</details>`
}

function schemaBlock(schema: unknown): string {
  const reference = (schema as { $ref?: string }).$ref
  if (reference) return `<p><code>${escapeHtml(reference.replace(/^.*\//, ''))}</code>, see its page in the reference.</p>`
  return `<pre><code>${escapeHtml(JSON.stringify(schema, undefined, 2))}</code></pre>`
}

/** Text with `code` in it. */
function code(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}
