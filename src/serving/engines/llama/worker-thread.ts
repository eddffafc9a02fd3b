/**
 * llama.cpp's work runs on libuv's threads: a batch is evaluated on one, and each next token is chosen on one. Between two tokens of an
 * answer that wakes two threads and the event loop twice, and on a busy machine each waking waits for its turn on a core.
 *
 * With one thread what is queued runs in order: a token's choice can be queued right behind the batch whose logits it reads, and both are
 * done in one go. Nothing else in an engine process needs more threads. The size of the pool is fixed at its first use, so this comes
 * before everything, and what came of it is looked up, not believed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'

const SIZE = 'UV_THREADPOOL_SIZE'
const TASKS = '/proc/self/task'

/** True where libuv runs one thread, so that its work is done in the order in which it is queued. False where that cannot be looked up. */
export async function keepToOneWorker(): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const before = process.env[SIZE]
  process.env[SIZE] ??= '1'
  await stat(TASKS)
  // Not for the children.
  if (before === undefined) delete process.env[SIZE]
  const names = readdirSync(TASKS).map((task) => readFileSync(`${TASKS}/${task}/comm`, 'utf8').trim())
  return names.filter((name) => name === 'libuv-worker').length === 1
}
