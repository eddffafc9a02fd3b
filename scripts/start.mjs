#!/usr/bin/env node
// `npm start`: all the set-up, then the whole system. Plain JavaScript without dependencies, for whatever Node (20 or newer) is there.
import { setUp } from './setup.mjs'
import { handOver } from './setup-node.mjs'

try {
  const { node, worked } = await setUp({ dev: false })
  await handOver(node, ['src/cli/main.ts', 'up', ...process.argv.slice(2)], { header: worked })
} catch (error) {
  process.stderr.write(`${error.shown ? '' : `${error.stack ?? error}\n`}`)
  process.exitCode = 1
}
