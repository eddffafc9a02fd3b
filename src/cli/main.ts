/** `strata`: parses the command line and turns whatever is thrown into one line and an exit code. */
import { CommanderError } from 'commander'
import { messageOf } from '../kernel/errors.ts'
import { EXIT, Exit, exitCodeOf } from './exit-codes.ts'
import { createProgram } from './program.ts'
import { palette } from './terminal.ts'

// A pipe that is closed early (`strata get … | head -1`) ends the output, not with a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
})

try {
  await createProgram().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  } else {
    if (!(error instanceof Exit)) {
      process.stderr.write(`  ${palette(process.stderr).red('✗')} ${messageOf(error)}\n`)
      if (process.env.STRATA_LOG_LEVEL === 'debug' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    }
    process.exitCode = exitCodeOf(error)
  }
}
