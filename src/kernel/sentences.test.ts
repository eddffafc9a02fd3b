import { expect, test } from 'vitest'
import { asSentence, escapeControls } from './sentences.ts'

test.each([
  ['it is started again after a pause', 'it is started again after a pause.'],
  ['No place had them.', 'No place had them.'],
  ['Is it a GGUF file?', 'Is it a GGUF file?'],
  ['killed (SIGKILL)', 'killed (SIGKILL).'],
])('%j ends as a sentence', (text, sentence) => expect(asSentence(text)).toBe(sentence))

test.each([
  ['got "---\n".', 'got "---\\n".'],
  ['\x1b[2J\0\x7f\x9b\u2028', '\\u001b[2J\\u0000\\u007f\\u009b\\u2028'],
  ['a “quoted” C:\\path, é', 'a “quoted” C:\\path, é'],
])('%j shows its control characters', (text, shown) => expect(escapeControls(text)).toBe(shown))
