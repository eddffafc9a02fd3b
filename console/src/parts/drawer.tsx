/** What a row shows beside its list. Escape closes it; whether it is open should stand in the address. */
import { Drawer as MantineDrawer } from '@mantine/core'
import type { ReactNode } from 'react'

export function Drawer(props: {
  readonly opened: boolean
  readonly title: ReactNode
  readonly onClose: () => void
  readonly size?: 'md' | 'lg' | 'xl'
  readonly children: ReactNode
}) {
  return (
    <MantineDrawer
      opened={props.opened}
      onClose={props.onClose}
      position="right"
      size={props.size ?? 'md'}
      title={props.title}
      closeButtonProps={{ 'aria-label': 'Close' }}
      transitionProps={{ duration: 120 }}
    >
      {props.children}
    </MantineDrawer>
  )
}
