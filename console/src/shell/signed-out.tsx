/** Nobody is signed in: says how to get in, and looks again by itself when the person comes back to the tab. */
import { Code, Text, Title } from '@mantine/core'
import { useEffect } from 'react'

export function SignedOut() {
  useEffect(() => {
    const again = () => location.reload()
    window.addEventListener('focus', again)
    return () => window.removeEventListener('focus', again)
  }, [])
  return (
    <main className="signed-out">
      <img src="/icon.svg" alt="" width="40" height="40" />
      <Title order={1} size="h3">
        Sign in to this Strata
      </Title>
      <Text>A login link opens the console once. Get a new one where Strata runs:</Text>
      <Code block>npx strata login</Code>
    </main>
  )
}
