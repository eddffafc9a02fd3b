/** Who may do what: what the roles are, whom they have been given to, and giving them. */
import { Button } from '@mantine/core'
import { sendJson } from '../api/client.ts'
import { useSystem } from '../api/system.tsx'
import { MayNot, Panel, Tag, useAction, useMay } from '../parts/index.ts'
import { Invitation } from './invitation.tsx'
import { Sessions } from './sessions.tsx'
import { Tokens } from './tokens.tsx'

/** As control decides it: reading is the viewer's, writing the editor's, and what gives access, to the machine too, or shows who had it the admin's. */
const RIGHTS: readonly { readonly what: string; readonly needed: 'viewer' | 'editor' | 'admin' }[] = [
  { what: 'See models, routes, consumers, limits, requests, traffic, and what became of each of them', needed: 'viewer' },
  { what: 'Change and delete them: apply manifests, move weights, scale versions', needed: 'editor' },
  { what: 'Call models in the Playground', needed: 'editor' },
  { what: 'Mount folders of the machine into containers', needed: 'admin' },
  { what: 'Make and revoke API keys', needed: 'admin' },
  { what: 'Make and revoke tokens, invite people to the console, end their sessions', needed: 'admin' },
  { what: 'Read the audit log', needed: 'admin' },
]
const ROLES = ['viewer', 'editor', 'admin'] as const

export function Access() {
  const { session } = useSystem()
  const admin = useMay('admin')
  const leaving = useAction()
  const leave = async () => {
    await leaving.run(() => sendJson('POST', '/logout'))
    location.assign('/')
  }
  return (
    <>
      <MayNot needed="admin" what="see and give access" />
      <div className="columns">
        <div className="stack">
          {admin && <Sessions />}
          {admin && <Tokens />}
          <Panel title="What a role may do" flush>
            <table className="data-table rights" aria-label="What a role may do">
              <thead>
                <tr>
                  <th scope="col">Right</th>
                  {ROLES.map((role) => (
                    <th key={role} scope="col" className="centre">
                      {role}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {RIGHTS.map(({ what, needed }) => (
                  <tr key={what}>
                    <td>{what}</td>
                    {ROLES.map((role) => (
                      <td key={role} className="centre" data-heading={role}>
                        {ROLES.indexOf(role) >= ROLES.indexOf(needed) ? 'yes' : <span className="quiet">no</span>}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </Panel>
        </div>
        <div className="stack">
          <Panel
            title="You"
            beside={
              <Button size="compact-xs" variant="default" onClick={leave} loading={leaving.busy}>
                Sign out
              </Button>
            }
          >
            <p className="flat">
              Signed in as <strong>{session?.actor ?? '…'}</strong> {session && <Tag tone="accent">{session.role}</Tag>}
            </p>
          </Panel>
          {admin && <Invitation />}
        </div>
      </div>
    </>
  )
}
