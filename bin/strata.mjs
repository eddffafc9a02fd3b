#!/usr/bin/env node
// Finds the Node that runs Strata (this one when it is 24 or newer, else the pinned one) and hands over to the command line.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { handOver, nodeToUse, root } from '../scripts/setup-node.mjs'

const node = nodeToUse()
if (!node.present || !existsSync(join(root, 'node_modules', 'commander'))) {
  process.stderr.write('Strata is not set up here yet. Run `npm start` once in its folder; it installs what is needed.\n')
  process.exit(1)
}
// Development: `--node FILE …` runs a script of the repository under the same Node.
const [first, file, ...rest] = process.argv.slice(2)
await handOver(node, first === '--node' && file ? [file, ...rest] : ['src/cli/main.ts', ...process.argv.slice(2)])
