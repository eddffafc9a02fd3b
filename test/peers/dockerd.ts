/**
 * A Docker daemon of the test's own: a temporary folder, its own containerd, cgroups and network, stopped and removed with the test. It touches neither
 * the machine's firewall nor its usual bridge, so that a Docker that is there goes on. Its one image is made of this machine's own files.
 */
import { execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type PeerProcess, startPeer } from './peer-process.ts'

const run = promisify(execFile)
const PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':')
/** What a container of the image runs, `instance-program.mjs`. */
const PROGRAM = fileURLToPath(new URL('./instance-program.mjs', import.meta.url))

export interface DockerDaemon {
  readonly socketPath: string
  /** An image with Node and `instance-program.mjs`, which it runs. */
  readonly image: string
  /** A bridge network on which ports can be published. */
  readonly network: string
  /** The daemon is gone from one moment to the next, its containers are not. */
  kill(): Promise<void>
  /** Starts it again. */
  start(): Promise<void>
  /** The answer's JSON; throws what is no 2xx. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>
  /** Containers, the daemon, what they mounted, their cgroups and the folder. */
  stop(): Promise<void>
  /** What is left of it on this machine: processes, mounts, cgroups, network interfaces. Empty after `stop`. */
  leftovers(): Promise<readonly string[]>
}

export async function startDockerd(): Promise<DockerDaemon> {
  for (const program of ['dockerd', 'containerd', 'runc'])
    if (!PATH.split(':').some((folder) => existsSync(join(folder, program))))
      throw new Error(`${program} is not installed. On Debian and Ubuntu: apt-get install docker.io.`)
  if (process.getuid?.() !== 0) throw new Error('dockerd must be started by root.')

  const folder = mkdtempSync(join(tmpdir(), 'strata-dockerd-'))
  const name = basename(folder)
  const socketPath = join(folder, 'docker.sock')
  const bridge = `st-${name.slice(-6).toLowerCase()}`
  const image = 'strata-test/instance:1'
  const ask = (method: string, path: string, body?: unknown) => askDocker(socketPath, method, path, body)
  let daemon: PeerProcess | undefined

  const start = async () => {
    // Of those that were killed: they may be zombies, which dockerd takes for alive.
    for (const pidFile of ['pid', 'run/containerd/containerd.pid']) rmSync(join(folder, pidFile), { force: true })
    const args = [
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      join(folder, 'run'),
      '-H',
      `unix://${socketPath}`,
      '-p',
      join(folder, 'pid'),
    ]
    args.push('--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false', `--cgroup-parent=/${name}`)
    args.push(...addressPools())
    const ready = async () => (await askDocker(socketPath, 'GET', '/_ping')) !== undefined
    daemon = await startPeer({ name: 'dockerd', command: 'dockerd', args, cwd: folder, env: { PATH, HOME: folder }, ready })
  }
  const kill = async () => {
    await daemon?.stop('SIGKILL')
    // Its containerd follows it by itself.
    while (processesOf(folder).some(({ command }) => command.startsWith('containerd '))) await sleep(20)
  }
  const leftovers = async () => [
    ...processesOf(folder).map(({ pid, command }) => `process ${pid}: ${command}`),
    ...mountsBelow(folder).map((mount) => `mount ${mount}`),
    ...cgroupsOf(name).map((cgroup) => `cgroup ${cgroup}`),
    ...(existsSync(`/sys/class/net/${bridge}`) ? [`network interface ${bridge}`] : []),
  ]
  const stop = async () => {
    if (existsSync(socketPath)) await removeAll(ask).catch(() => undefined) // a daemon that was killed: the rest is done by hand
    await daemon?.stop()
    for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL')
    for (let tries = 0; tries < 50 && processesOf(folder).length > 0; tries++) await sleep(50)
    for (const mount of mountsBelow(folder).reverse()) await run('umount', ['-l', mount])
    for (const cgroup of cgroupsOf(name).reverse()) rmdirSync(cgroup)
    if (existsSync(`/sys/class/net/${bridge}`)) await run('ip', ['link', 'delete', bridge])
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    await start()
    await importImage(socketPath, image, join(folder, 'image'))
    const options = { 'com.docker.network.bridge.name': bridge, 'com.docker.network.bridge.enable_ip_masquerade': 'false' }
    await ask('POST', '/networks/create', { Name: 'strata-test', Driver: 'bridge', Options: options })
  } catch (error) {
    await stop()
    throw error
  }
  return { socketPath, image, network: 'strata-test', kill, start, ask, stop, leftovers }
}

/**
 * Private networks to choose one from. Each daemon looks whether somebody uses it already, but two that start at the same moment both find it free: so each
 * begins somewhere else.
 */
function addressPools(): string[] {
  const seconds = Array.from({ length: 15 }, (_, i) => 17 + i)
  const at = randomInt(seconds.length)
  return [...seconds.slice(at), ...seconds.slice(0, at)].flatMap((second) => [
    '--default-address-pool',
    `base=172.${second}.0.0/16,size=24`,
  ])
}

async function removeAll(ask: DockerDaemon['ask']): Promise<void> {
  const containers = (await ask('GET', '/containers/json?all=1')) as { Id: string }[]
  await Promise.all(containers.map(({ Id }) => ask('DELETE', `/containers/${Id}?force=1&v=1`)))
  await ask('DELETE', '/networks/strata-test')
}

/** Node, the libraries that it needs and the program, as a tar that Docker takes for an image. */
async function importImage(socketPath: string, image: string, root: string): Promise<void> {
  const put = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    copyFileSync(from, join(root, to))
  }
  const { stdout } = await run('ldd', [process.execPath])
  for (const [library] of stdout.matchAll(/\/\S+/g)) put(library, library)
  put(process.execPath, '/node')
  put(PROGRAM, '/program.mjs')
  const tar = spawn('tar', ['-c', '-C', root, '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [repo, tag] = image.split(':')
  const entrypoint = encodeURIComponent('ENTRYPOINT ["/node","/program.mjs"]')
  await askDocker(socketPath, 'POST', `/images/create?fromSrc=-&repo=${repo}&tag=${tag}&changes=${entrypoint}`, tar.stdout)
  rmSync(root, { recursive: true })
}

function askDocker(socketPath: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const isStream = body !== undefined && typeof (body as NodeJS.ReadableStream).pipe === 'function'
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': isStream ? 'application/x-tar' : 'application/json' }
    const signal = AbortSignal.timeout(60_000)
    const request = httpRequest({ socketPath, method, path, headers, signal, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        if (response.statusCode! >= 300) return reject(new Error(`${method} ${path}: HTTP ${response.statusCode} ${text}`))
        resolve(response.headers['content-type'] === 'application/json' && text ? JSON.parse(text.split('\n')[0]!) : text)
      })
      response.on('error', reject)
    })
    request.on('error', reject)
    if (isStream) (body as NodeJS.ReadableStream).pipe(request)
    else request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/**
 * Those that name the folder, or whose parent does: shims and what they hold; and those in the daemon's cgroups, which may have lost their shim. Zombies are
 * nobody.
 */
function processesOf(folder: string): { pid: number; command: string }[] {
  const held = new Set(cgroupsOf(basename(folder)).flatMap((cgroup) => pidsIn(join(cgroup, 'cgroup.procs'))))
  const all = readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      const [state, parent] = readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
      return state === 'Z' || command === '' ? [] : [{ pid: Number(entry), parent: Number(parent), command }]
    } catch {
      return [] // it ended while we looked
    }
  })
  const ours = new Set(all.filter(({ command }) => command.includes(folder)).map(({ pid }) => pid))
  return all.filter(({ pid, parent }) => ours.has(pid) || ours.has(parent) || held.has(pid))
}

function pidsIn(file: string): number[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return [] // the cgroup is gone by now
  }
}

function mountsBelow(folder: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return mounts.map((line) => line.split(' ')[1] ?? '').filter((target) => target.startsWith(`${folder}/`))
}

/** Of every hierarchy, or of the one that there is; parents first. */
function cgroupsOf(name: string): string[] {
  const root = '/sys/fs/cgroup'
  if (!existsSync(root)) return []
  const hierarchies = [root, ...readdirSync(root).map((entry) => join(root, entry))]
  const tops = hierarchies.map((hierarchy) => join(hierarchy, name)).filter((path) => existsSync(path))
  const below = (path: string): string[] => [
    path,
    ...readdirSync(path)
      .map((entry) => join(path, entry))
      .filter((entry) => statSync(entry).isDirectory())
      .flatMap(below),
  ]
  return [...new Set(tops)].flatMap(below)
}
