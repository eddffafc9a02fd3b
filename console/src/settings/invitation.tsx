/** A link that opens the console once, in a role. */
import { Button, Select, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { sendJson } from '../api/client.ts'
import { Panel, ProblemNote, SecretOnce, useAction } from '../parts/index.ts'

export function Invitation() {
  const [role, setRole] = useState('viewer')
  const [name, setName] = useState('')
  const [made, setMade] = useState<{ url: string; role: string }>()
  const making = useAction()
  const make = async (event: FormEvent) => {
    event.preventDefault()
    const link = await making.run(() => sendJson<{ url: string }>('POST', '/login-links', { role, name: name.trim() || undefined }))
    if (!link) return
    setMade({ url: link.url, role })
    setName('')
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
        <TextInput
          label="Whom"
          placeholder="ana"
          size="xs"
          w={130}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
        />
        <Select
          label="Role"
          size="xs"
          w={110}
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
      <p className="quiet hint">What they do stands in the audit log under that name, as console/ana.</p>
      {making.error !== undefined && <ProblemNote error={making.error} />}
    </Panel>
  )
}
