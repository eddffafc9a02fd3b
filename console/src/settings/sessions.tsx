/** Who is signed in to the console now, and ending a session. */
import { Button } from '@mantine/core'
import type { SessionInfo } from '../../../src/store/identity.ts'
import { sendJson } from '../api/client.ts'
import { Ago, DataTable, Panel, ProblemNote, Tag, useAction, useFetched } from '../parts/index.ts'

type Session = SessionInfo & { readonly own: boolean }

/** Others come and go without a resource changing. */
const AGAIN_MS = 10_000

export function Sessions() {
  const { data, error, again } = useFetched<{ items: Session[] }>('/sessions', AGAIN_MS)
  const ending = useAction()
  const end = async ({ id }: Session) => {
    await ending.run(() => sendJson('DELETE', `/sessions/${id}`))
    again()
  }
  return (
    <Panel title="Signed in to the console" flush>
      {error && <ProblemNote error={error} />}
      {ending.error !== undefined && <ProblemNote error={ending.error} />}
      <DataTable
        label="Signed in to the console"
        rows={data?.items ?? []}
        rowKey={({ id }) => id}
        empty={data && 'Nobody.'}
        columns={[
          { heading: 'Who', cell: ({ actor }) => <strong>{actor}</strong> },
          { heading: 'Role', cell: ({ role }) => <Tag>{role}</Tag> },
          { heading: 'Since', align: 'right', cell: ({ createdAt }) => <Ago at={createdAt} /> },
          { heading: 'Until', align: 'right', cell: ({ expiresAt }) => <Ago at={expiresAt} ahead /> },
          {
            heading: '',
            align: 'right',
            cell: (session) =>
              session.own ? (
                <span className="quiet">this browser</span>
              ) : (
                <Button
                  size="compact-xs"
                  variant="default"
                  disabled={ending.busy}
                  onClick={() => end(session)}
                  aria-label={`End the session of ${session.actor}, ${session.id.slice(0, 6)}`}
                >
                  End
                </Button>
              ),
          },
        ]}
      />
    </Panel>
  )
}
