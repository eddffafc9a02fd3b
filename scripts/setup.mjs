// The set-up of a clone: the pinned Node where the machine's own is too old, the packages, the console. Each step is left out when what it
// makes is already there and fits, so that a warm start costs a few hashes. Everything is fetched by npm itself, which knows the user's
// registry, proxy and certificates.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { nodeToUse, pinnedVersion, root } from './setup-node.mjs'
import { createProgress } from './setup-progress.mjs'

/**
 * Sets up what is missing. `dev`: with what the tests need. Returns the Node to use and whether anything had to be done.
 * What fails has been shown when it throws (`shown`).
 */
export async function setUp({ dev, progress = createProgress() }) {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < 20) {
    progress.title('Strata')
    await progress.step('Node', () => {
      throw problem(`this is Node ${process.versions.node}.`, 'Strata needs Node 20 or newer to set itself up: https://nodejs.org')
    })
  }
  const needsNode = () => !nodeToUse().present || pinnedIsStale()
  const packages = packagesState(dev)
  const todo = { node: needsNode(), packages: !packages.fits, console: !consoleIsBuilt() }
  const worked = todo.node || todo.packages || todo.console
  if (worked) progress.title(`Strata ${readJson(join(root, 'package.json')).version}`)

  const settled = await Promise.allSettled([
    todo.node && progress.step(`Node ${pinnedVersion()}`, installNode),
    todo.packages && progress.step('Packages', () => installPackages(dev, packages.hash)),
  ])
  for (const { reason } of settled) if (reason) throw reason
  const node = nodeToUse()
  await Promise.all([todo.console && progress.step('Console', () => buildConsole(node.path)), todo.packages && prepareDatabase(node.path)])
  return { node, worked }
}

const runtime = join(root, '.runtime')

/** The pinned Node is there but of another version than `scripts/runtime` says. */
function pinnedIsStale() {
  if (nodeToUse().own) return false
  return readJsonIfThere(join(runtime, 'node_modules', 'node', 'package.json'))?.version !== pinnedVersion()
}

async function installNode() {
  mkdirSync(runtime, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(root, 'scripts', 'runtime', file), join(runtime, file))
  // The installer of the package `node` is a script: it fetches the build of this platform, as a package of npm's.
  await npm(['ci', '--ignore-scripts=false', '--no-audit', '--no-fund', '--loglevel=error'], runtime)
  const { present } = nodeToUse()
  if (!present) throw problem('npm installed no Node for this platform.', 'Install Node 24 or newer yourself: https://nodejs.org')
}

const stampFile = join(root, 'node_modules', '.strata-setup.json')

/** Do the installed packages fit the lock file? By our stamp, else (a developer ran npm) by npm's own list of what it installed. */
function packagesState(dev) {
  const hash = sha256(readFileSync(join(root, 'package-lock.json')))
  const stamp = readJsonIfThere(stampFile)
  if (stamp?.lock === hash && (stamp.mode === 'all' || !dev)) return { hash, fits: true }
  const installed = readJsonIfThere(join(root, 'node_modules', '.package-lock.json'))?.packages
  if (!installed) return { hash, fits: false }
  const wanted = Object.entries(readJson(join(root, 'package-lock.json')).packages)
  const fits = (withDev) =>
    wanted.every(
      ([path, entry]) =>
        !path.startsWith('node_modules/') ||
        entry.optional ||
        entry.link ||
        (entry.dev && !withDev) ||
        installed[path]?.version === entry.version,
    )
  const mode = fits(true) ? 'all' : fits(false) ? 'production' : undefined
  if (mode) stampPackages(hash, mode)
  return { hash, fits: mode === 'all' || (mode === 'production' && !dev) }
}

function stampPackages(lock, mode) {
  writeFileSync(stampFile, `${JSON.stringify({ lock, mode })}\n`)
}

async function installPackages(dev, hash) {
  // No package that is used needs its install script: native builds come as packages of their own.
  await npm(['ci', ...(dev ? [] : ['--omit=dev']), '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], root)
  stampPackages(hash, dev ? 'all' : 'production')
}

const consoleFolder = join(root, 'console')
const consoleStamp = join(consoleFolder, 'dist', '.strata-build.json')

function consoleIsBuilt() {
  if (!existsSync(join(consoleFolder, 'index.html'))) return true
  return readJsonIfThere(consoleStamp)?.sources === consoleHash()
}

/** Of all sources of the console, names and contents. */
function consoleHash() {
  const hash = createHash('sha256')
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name === 'dist' || entry.name === 'node_modules' || entry.name.startsWith('.')) continue
      const path = join(folder, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile()) hash.update(relative(root, path)).update('\0').update(readFileSync(path)).update('\0')
    }
  }
  visit(consoleFolder)
  return hash.update(sha256(readFileSync(join(root, 'package-lock.json')))).digest('hex')
}

async function buildConsole(node) {
  const sources = consoleHash()
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  await run(node, [vite, 'build', '--logLevel', 'warn'], consoleFolder, (output) =>
    problem('it could not be built.', `vite said: ${lastLines(output, 6)}`),
  )
  writeFileSync(consoleStamp, `${JSON.stringify({ sources })}\n`)
}

/** The empty database takes PostgreSQL seconds to make; beside the console's build they cost nothing. Failing, the first start makes it. */
async function prepareDatabase(node) {
  mkdirSync(runtime, { recursive: true })
  const script = "import('./src/store/pglite.ts').then((pglite) => pglite.prepareTemplate())"
  await run(
    node,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    root,
    (output) => new Error(output),
  ).catch(() => undefined)
}

/** npm, as the one that started us where there is one: `npm start` says where its own program is. */
async function npm(args, cwd) {
  const program = process.env.npm_execpath
  const direct = program && /npm-cli\.(c|m)?js$/.test(program)
  const offline = process.env.STRATA_OFFLINE === '1' ? ['--offline'] : []
  const [file, all] = direct ? [process.execPath, [program, ...args, ...offline]] : ['npm', [...args, ...offline]]
  await run(file, all, cwd, explainNpm)
}

function explainNpm(output) {
  const code = /npm (?:error|ERR!) code (\S+)/.exec(output)?.[1]
  switch (code) {
    case 'ENOTCACHED':
      return problem(
        'STRATA_OFFLINE=1 allows no download, and npm has not all packages in its cache.',
        'Run `npm start` once without STRATA_OFFLINE.',
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'ETIMEDOUT':
    case 'ENETUNREACH':
    case 'EIDLETIMEOUT':
    case 'ERR_SOCKET_TIMEOUT':
      return problem(
        `npm does not reach its registry (${code}).`,
        'Is there a network? Behind a proxy: `npm config set https-proxy http://…`.',
      )
    case 'ENOSPC':
      return problem('the disk is full.', 'Strata needs about 600 MB here; free some space and try again.')
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return problem(`npm may not write here (${code}).`, `Does ${root} belong to you? Files that root made must be removed by root.`)
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return problem("npm does not trust its registry's certificate.", 'Set NODE_EXTRA_CA_CERTS (or `npm config set cafile …`) to your CA.')
    default:
      return problem('npm failed.', `It said: ${lastLines(output, 6)}`)
  }
}

function run(file, args, cwd, explain) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: childEnvironment() })
    let output = ''
    const hear = (chunk) => {
      output = (output + chunk).slice(-20_000)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    const leave = () => {
      child.kill('SIGTERM')
      process.exit(130)
    }
    process.once('SIGINT', leave)
    const end = (settle) => {
      process.off('SIGINT', leave)
      settle()
    }
    child.once('error', (error) =>
      end(() => reject(error.code === 'ENOENT' ? problem(`${file} is not installed.`, 'npm comes with Node: https://nodejs.org') : error)),
    )
    child.once('close', (code) => end(() => (code === 0 ? resolve() : reject(explain(output)))))
  })
}

/** npm hands its configuration to the scripts it runs; a second npm would take `npm start`'s flags for its own. */
function childEnvironment() {
  const env = { ...process.env }
  for (const name of [
    'npm_config_omit',
    'npm_config_include',
    'npm_config_production',
    'npm_config_local_prefix',
    'npm_config_prefix',
    'NODE_ENV',
  ])
    delete env[name]
  return env
}

function problem(message, remedy) {
  return Object.assign(new Error(message), { remedy })
}

function lastLines(output, count) {
  return output.trim().split('\n').slice(-count).join('\n      ') || 'nothing'
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))
const readJsonIfThere = (path) => {
  try {
    return statSync(path).isFile() ? readJson(path) : undefined
  } catch {
    return undefined // absent, or cut by an interrupted set-up: made again
  }
}
