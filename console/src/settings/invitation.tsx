/** A link that opens the console once, in a role. */
import { Button, Select } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { sendJson } from '../api/client.ts'
import { Panel, ProblemNote, SecretOnce, useAction } from '../parts/index.ts'

export function Invitation() {
  const [role, setRole] = useState('viewer')
  const [made, setMade] = useState<{ url: string; role: string }>()
  const making = useAction()
  const make = async (event: FormEvent) => {
    event.preventDefault()
    const link = await making.run(() => sendJson<{ url: string }>('POST', '/login-links', { role }))
    if (link) setMade({ url: link.url, role })
  }
  if (made)
    return (
      <SecretOnce title={`A link to the console as ${made.role}`} secret={made.url} onDone={() => setMade(undefined)}>
        <p>It opens once, within 24 hours. Whoever opens it stays signed in for 30 days in that browser.</p>
      </SecretOnce>
    )
  return (
    <Panel title="Invite to the console">
      <form className="inline-form" onSubmit={make}>
        <Select
          label="Role"
          size="xs"
          data={['viewer', 'editor', 'admin']}
          value={role}
          onChange={(value) => value !== null && setRole(value)}
          allowDeselect={false}
          comboboxProps={{ transitionProps: { duration: 0 } }}
        />
        <Button type="submit" size="xs" variant="default" loading={making.busy}>
          Make a link
        </Button>
      </form>
      {making.error !== undefined && <ProblemNote error={making.error} />}
    </Panel>
  )
}
