/** Middleware that a scenario can name. */
import { DomainError, type AnyCommand, type Middleware } from '../../src/index.js'

/** What stands around commands and appends; one of the keys is there. */
export interface Layer {
  /** Says on whose behalf, where nobody did. */
  readonly signs?: string
  /** Gives commands of these types as others. */
  readonly renames?: Readonly<Record<string, string>>
  /** Gives other commands instead of these types, from the second of a type on. */
  readonly amends?: { readonly commands: Readonly<Record<string, AnyCommand>> }
  /** Refuses commands of these types. */
  readonly forbids?: readonly string[]
  /** Refuses appends to these streams. */
  readonly freezes?: readonly string[]
}

export const middleware = ({ signs, renames = {}, amends, forbids = [], freezes = [] }: Layer): Middleware => {
  const seen = new Set<string>()
  return {
    command({ command, options }, next) {
      if (forbids.includes(command.type)) throw new DomainError('forbidden', `${command.type} is forbidden here`)
      const actor = options.actor ?? signs
      const renamed = { ...command, type: renames[command.type] ?? command.type }
      const given = (seen.has(command.type) ? amends?.commands[command.type] : undefined) ?? renamed
      seen.add(command.type)
      return next({ command: given, ...(actor === undefined ? {} : { actor }) })
    },
    append({ commits }, next) {
      const frozen = commits.find(({ stream }) => freezes.includes(stream))
      if (frozen) throw new DomainError('frozen', `${frozen.stream} is frozen`)
      return next()
    },
  }
}
