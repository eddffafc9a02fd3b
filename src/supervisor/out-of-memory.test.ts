import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countOomKills, describeEnding, lastWords } from './out-of-memory.ts'

const V8 = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'

test.each([
  ['an end of its own', { code: 3, signal: null }, 'exit code 3'],
  ['a word about memory before an end of its own', { code: 1, signal: null, lastWords: V8 }, 'exit code 1'],
  ['a kill by a person', { code: null, signal: 'SIGKILL' }, 'killed by SIGKILL'],
  ['the OOM killer', { code: null, signal: 'SIGKILL', oomKills: 1 }, 'killed by SIGKILL: the system was out of memory and ended it'],
  [
    'V8 without heap',
    { code: null, signal: 'SIGABRT', lastWords: `so far\n${V8}\n----- Native` },
    `killed by SIGABRT: it found no memory ("${V8}")`,
  ],
  [
    'C++ without heap',
    { code: 134, signal: null, lastWords: "terminate called after throwing an instance of 'std::bad_alloc'\n" },
    `exit code 134: it found no memory ("terminate called after throwing an instance of 'std::bad_alloc'")`,
  ],
  [
    'a GPU whose driver is too old',
    {
      code: null,
      signal: 'SIGABRT',
      lastWords: `ggml-cuda.cu:108: CUDA error
{"level":"error","process":"engine","message":"CUDA error: the provided PTX was compiled with an unsupported toolchain.","from":"llama.cpp"}
libggml-base.so(ggml_abort+0x152)
{"level":"error","process":"engine","message":"cudaFuncGetAttributes(&attr, kernel)","from":"llama.cpp"}`,
    },
    'killed by SIGABRT: CUDA error: the provided PTX was compiled with an unsupported toolchain.',
  ],
  ['an error long before an end of its own', { code: 1, signal: null, lastWords: '{"level":"error","message":"x"}' }, 'exit code 1'],
  ['an assertion', { code: null, signal: 'SIGABRT', lastWords: 'GGML_ASSERT(n > 0) failed' }, 'killed by SIGABRT'],
] as const)('%s', (_, ending, words) => expect(describeEnding({ oomKills: 0, lastWords: '', ...ending })).toBe(words))

test('kills are counted from one look to the next, in the container where there is one', () => {
  const files: Record<string, string> = {
    '/proc/vmstat': 'oom_kill 70\n',
    '/sys/fs/cgroup/memory.events': 'oom 2\noom_kill 2\noom_group_kill 0\n',
  }
  const read = (path: string) => {
    if (files[path] === undefined) throw new Error('ENOENT')
    return files[path]
  }
  const kills = countOomKills(read)
  expect(kills()).toBe(0)
  files['/proc/vmstat'] = 'oom_kill 71\n'
  expect(kills()).toBe(0)
  files['/sys/fs/cgroup/memory.events'] = 'oom 3\noom_kill 3\noom_group_kill 0\n'
  expect([kills(), kills()]).toEqual([1, 0])
  expect(countOomKills(() => 'nothing of that')()).toBe(0)
})

test('last words are those of this run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-words-'))
  const path = join(folder, 'log')
  writeFileSync(path, 'before\nnow\n')
  expect(lastWords(path, 'before\n'.length)).toBe('now\n')
  writeFileSync(path, `${'x'.repeat(100_000)}end`)
  expect(lastWords(path, 0)).toMatch(/^x{8189}end$/)
  expect(lastWords(join(folder, 'none'), 0)).toBe('')
  rmSync(folder, { recursive: true })
})
