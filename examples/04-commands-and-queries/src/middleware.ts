/** What stands around commands and queries. */
import { DomainError, isTidelogError, type Middleware } from 'tidelog'

/** Who uses the app; a login would say so. */
export const session = { user: 'ada', role: 'employee' as 'employee' | 'manager' }

/** The journal of the app: every command and query, and how it ended. */
export const journal: string[] = []
export const logging: Middleware = {
  name: 'logging',
  async command({ command, id }, next) {
    try {
      const receipt = await next()
      journal.push(`${session.user}: ${command.type} on ${id}: ${receipt.events.length} event${receipt.events.length === 1 ? '' : 's'}`)
      return receipt
    } catch (error) {
      journal.push(`${session.user}: ${command.type} on ${id}: ${isTidelogError(error) ? error.code : 'failed'}`)
      throw error
    }
  },
  async query({ kind, of, key }, next) {
    const answer = await next()
    journal.push(`${session.user}: ${kind} ${[of, key].filter(Boolean).join(' ')}`)
    return answer
  },
}

/** Whose budget it is, and what only a manager may do. It also says on whose behalf everything happens. */
export const authorising: Middleware = {
  name: 'authorising',
  command({ command, id }, next) {
    if (command.type === 'Grant' && session.role !== 'manager') throw new DomainError('forbidden', 'Only a manager grants a budget')
    if (id !== session.user && session.role !== 'manager') throw new DomainError('forbidden', `The budget of ${id} is not yours`)
    return next({ actor: session.user })
  },
  query({ kind, key }, next) {
    if (kind === 'row' && key !== session.user && session.role !== 'manager') throw new DomainError('forbidden', `The budget of ${key} is not yours to see`)
    return next()
  },
}
