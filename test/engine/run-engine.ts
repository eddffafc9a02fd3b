/** An engine process for `process.test.ts`, as the command line starts it. */
import { runEngine } from '../../src/serving/engines/main.ts'

await runEngine(process.argv[2])
