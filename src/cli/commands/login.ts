/** `strata login`: a link that opens the console once, in a role. */
import { spawn } from 'node:child_process'
import { connectControl } from '../control-client.ts'

export async function login(flags: { role: string; open?: boolean }): Promise<void> {
  const { url } = await connectControl().call<{ url: string }>('POST', '/login-links', { role: flags.role })
  console.log(url)
  if (!flags.open) return
  const [program, ...args] = process.platform === 'darwin' ? ['open', url] : ['xdg-open', url]
  const child = spawn(program!, args, { stdio: 'ignore', detached: true })
  // Without a browser the printed link is all there is.
  child.once('error', () => process.stderr.write(`${program} is not there; open the link yourself.\n`))
  child.unref()
}
