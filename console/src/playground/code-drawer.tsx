import { Button, Code, CopyButton, Drawer, SegmentedControl, Text } from '@mantine/core'
import { useState } from 'react'
import type { ChatCall } from './chat-stream.ts'
import { codeSample, LANGUAGES, type Language } from './code-sample.ts'

export function CodeDrawer({
  call,
  gatewayUrl,
  opened,
  onClose,
}: {
  call: ChatCall
  gatewayUrl: string
  opened: boolean
  onClose: () => void
}) {
  const [language, setLanguage] = useState<Language>('curl')
  const code = codeSample(language, call, gatewayUrl)
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position="right"
      size="lg"
      title="This call as code"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <div className="manifest-head">
        <SegmentedControl
          size="xs"
          data={[...LANGUAGES]}
          value={language}
          onChange={(value) => setLanguage(value as Language)}
          aria-label="Language"
        />
        <CopyButton value={code}>
          {({ copied, copy }) => (
            <Button size="compact-sm" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </div>
      <Code block tabIndex={0}>
        {code}
      </Code>
      <Text size="sm" c="dimmed" mt="xs">
        Put a key into <Code>STRATA_API_KEY</Code>: <Code>strata keys create default</Code> makes one and shows it once.
      </Text>
    </Drawer>
  )
}
