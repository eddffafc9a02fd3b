/** Images of real model servers, made of this machine's own files: what a registry would have elsewhere. */
import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { DockerDaemon } from '../peers/dockerd.ts'
import { fetchLlamaServer } from '../peers/llama-server.ts'

/** llama-server with the libraries that it needs; the model is mounted. */
export async function llamaServerImage(daemon: DockerDaemon): Promise<string> {
  const folder = fetchLlamaServer()
  const image = 'strata-test/llama-server:1'
  await importImage(daemon, image, { ENTRYPOINT: '["/app/llama-server"]', ENV: 'LD_LIBRARY_PATH=/app' }, (put) => {
    for (const name of readdirSync(folder)) if (name === 'llama-server' || name.includes('.so')) put(join(folder, name), `/app/${name}`)
    for (const library of librariesOf(join(folder, 'llama-server'), folder)) if (dirname(library) !== folder) put(library)
  })
  return image
}

export interface Mounted {
  readonly source: string
  readonly target: string
  readonly readOnly: true
}

export const mounted = (source: string, target = source): Mounted => ({ source, target, readOnly: true })

/** With nothing in it: a program of this machine runs in it by `machineFolders`. */
export async function emptyImage(daemon: DockerDaemon): Promise<string> {
  const image = 'strata-test/empty:1'
  await importImage(daemon, image, { ENV: 'HOME=/tmp' }, () => undefined)
  return image
}

/** The system's programs and libraries, with what they are set up by. */
export function machineFolders(): Mounted[] {
  const settings = readdirSync('/etc').filter((name) => name === 'alternatives' || name.startsWith('java'))
  return ['/usr', '/lib', '/lib64', ...settings.map((name) => `/etc/${name}`)]
    .filter((folder) => existsSync(folder))
    .map((path) => mounted(path))
}

/** A Python environment, where it was made, and the Python that it was made from. */
export function pythonFolders(environment: string): Mounted[] {
  const base = dirname(dirname(realpathSync(join(environment, 'bin', 'python'))))
  return [environment, ...(base === '/usr' ? [] : [base])].map((path) => mounted(path))
}

function librariesOf(program: string, beside: string): string[] {
  const said = execFileSync('ldd', [program], { encoding: 'utf8', env: { ...process.env, LD_LIBRARY_PATH: beside } })
  return [...said.matchAll(/\/\S+/g)].map(([path]) => path)
}

/** A tar that Docker takes for an image, with changes as a Dockerfile writes them. */
export async function importImage(
  { socketPath }: DockerDaemon,
  image: string,
  changes: Readonly<Record<string, string>>,
  fill: (put: (from: string, to?: string) => void) => void,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), `strata-${basename(image).replace(/\W/g, '-')}-`))
  try {
    fill((from, to = from) => {
      mkdirSync(dirname(join(root, to)), { recursive: true })
      copyFileSync(from, join(root, to))
    })
    mkdirSync(join(root, 'tmp'), { recursive: true, mode: 0o777 })
    const [repo, tag] = image.split(':')
    const query = new URLSearchParams({ fromSrc: '-', repo: repo!, tag: tag! })
    for (const [word, value] of Object.entries(changes)) query.append('changes', `${word} ${value}`)
    const tar = spawn('tar', ['-c', '--owner=0', '--group=0', '-C', root, '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise<void>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-tar' }
      const asked = request({ socketPath, method: 'POST', path: `/images/create?${query}`, headers, agent: false }, (response) => {
        let said = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          said += text
        })
        response.once('end', () => (said.includes('errorDetail') ? reject(new Error(said)) : resolve()))
      })
      asked.once('error', reject)
      tar.stdout.pipe(asked)
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
