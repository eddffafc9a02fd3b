/** `docs/reference/cli.md`, from the definitions of the commands. */
import type { Command } from 'commander'
import { EXIT_MEANING } from './exit-codes.ts'
import { createProgram } from './program.ts'

export function generateCliReference(): string {
  const program = createProgram()
  return [
    '# Command line',
    '',
    '<!-- Generated from src/cli/program.ts. Do not edit: run `npm run generate`. -->',
    '',
    program.description(),
    '',
    'In a clone: `npx strata …`. The commands find the running system through `STRATA_HOME` (default `~/.strata`). For one elsewhere set',
    '`STRATA_CONTROL_URL` and `STRATA_TOKEN`, and for `chat` `STRATA_GATEWAY_URL` and `STRATA_API_KEY`.',
    'Colours and moving lines appear on a terminal only; `NO_COLOR` switches colours off.',
    '',
    ...leaves(program).flatMap(section),
    '## Exit codes',
    '',
    '| code | meaning |',
    '| ---: | --- |',
    ...Object.entries(EXIT_MEANING).map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
  ].join('\n')
}

/** Commands that do something, with the words that lead to them. */
function leaves(command: Command, words: readonly string[] = []): { words: readonly string[]; command: Command }[] {
  // Commander keeps no public mark of hidden commands; the help leaves them out.
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')
  return visible.flatMap((one) => {
    const path = [...words, one.name()]
    return one.commands.length > 0 ? leaves(one, path) : [{ words: path, command: one }]
  })
}

function section({ words, command }: { words: readonly string[]; command: Command }): string[] {
  const options = command.options.filter((option) => !option.hidden)
  return [
    `## strata ${words.join(' ')}`,
    '',
    command.description(),
    '',
    '```',
    `strata ${words.join(' ')} ${command.usage()}`.trim(),
    '```',
    '',
    ...table(
      'argument',
      command.registeredArguments.map((argument) => [
        argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
        argument.description,
      ]),
    ),
    ...table(
      'flag',
      options.map((option) => [
        option.flags,
        [
          `${option.description}${option.argChoices ? `: ${option.argChoices.join(', ')}` : ''}`,
          option.defaultValue !== undefined && option.defaultValue !== true ? `default \`${option.defaultValue}\`` : '',
        ]
          .filter(Boolean)
          .join('; '),
      ]),
    ),
  ]
}

function table(heading: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return []
  return [`| ${heading} | |`, '| --- | --- |', ...rows.map(([name, text]) => `| \`${name}\` | ${text.replaceAll('|', '\\|')} |`), '']
}
