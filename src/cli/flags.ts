/** Flags that many commands have. */
import { type Command, Option } from 'commander'

export const namespaced = (command: Command) => command.option('-n, --namespace <name>', 'namespace', 'default')
export const output = (...choices: string[]) => new Option('-o, --output <format>', 'how to print').choices(choices)
