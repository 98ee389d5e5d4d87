/** Middleware that a scenario can name. */
import { DomainError, type Middleware } from '../../src/index.js'

/** What stands around commands and appends; one of the keys is there. */
export interface Layer {
  /** Says on whose behalf, where nobody did. */
  readonly signs?: string
  /** Gives commands of these types as others. */
  readonly renames?: Readonly<Record<string, string>>
  /** Refuses commands of these types. */
  readonly forbids?: readonly string[]
  /** Refuses appends to these streams. */
  readonly freezes?: readonly string[]
}

export const middleware = ({ signs, renames = {}, forbids = [], freezes = [] }: Layer): Middleware => ({
  command({ command, options }, next) {
    if (forbids.includes(command.type)) throw new DomainError('forbidden', `${command.type} is forbidden here`)
    const actor = options.actor ?? signs
    return next({ command: { ...command, type: renames[command.type] ?? command.type }, ...(actor === undefined ? {} : { actor }) })
  },
  append({ commits }, next) {
    const frozen = commits.find(({ stream }) => freezes.includes(stream))
    if (frozen) throw new DomainError('frozen', `${frozen.stream} is frozen`)
    return next()
  },
})
