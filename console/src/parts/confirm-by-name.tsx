/** Asks before something is broken: says what that is, and wants the name of the thing typed. */
import { Button, Modal, TextInput } from '@mantine/core'
import { type FormEvent, type ReactNode, useEffect, useState } from 'react'
import { ProblemNote } from './problem-note.tsx'

export function ConfirmByName(props: {
  readonly opened: boolean
  /** "Delete the route assistant" */
  readonly title: string
  readonly name: string
  /** What the button says: "Delete it". */
  readonly verb: string
  /** What it will break. */
  readonly children: ReactNode
  readonly onClose: () => void
  /** Does it. What it throws is shown, and the dialog stays. */
  readonly onConfirm: () => Promise<unknown>
}) {
  const { opened, title, name, verb, children, onClose, onConfirm } = props
  const [typed, setTyped] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(undefined)
  useEffect(() => {
    if (!opened) return
    setTyped('')
    setError(undefined)
  }, [opened])

  const confirm = async (event: FormEvent) => {
    event.preventDefault()
    if (typed !== name || busy) return
    setBusy(true)
    setError(undefined)
    try {
      await onConfirm()
      onClose()
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      closeButtonProps={{ 'aria-label': 'Close' }}
      transitionProps={{ duration: 100 }}
      centered
    >
      <form onSubmit={confirm} className="confirm">
        <div>{children}</div>
        <TextInput
          label={
            <>
              Type <strong>{name}</strong> to go on
            </>
          }
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          data-autofocus
        />
        {error !== undefined && <ProblemNote error={error} />}
        <div className="actions">
          <Button type="submit" color="red" disabled={typed !== name} loading={busy}>
            {verb}
          </Button>
          <Button type="button" variant="default" onClick={onClose}>
            Cancel
          </Button>
        </div>
      </form>
    </Modal>
  )
}
