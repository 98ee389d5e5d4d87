/** Refusals: how `decide` says no by a rule of the domain, and how a refusal is told from a bug. */
import { isBranded, isTidelogError, messageOf } from './errors.js'

const brand = Symbol.for('tidelog.domain-error')

/**
 * A refusal by a rule of the domain, thrown by `decide`.
 *
 * ```ts
 * throw new DomainError('exam-handed-in', 'The exam has been handed in already')
 * ```
 */
export class DomainError extends Error {
  override readonly name: string = 'DomainError'
  /** The app's own word for the rule; it ends up in `error.details.detail` and in the reason of a rejected commit. */
  readonly code: string

  /** `code`: the app's own word for the rule; `message`: for a person. */
  constructor(code: string, message: string = code, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    Object.defineProperty(this, brand, { value: true })
  }
}

/** Whether `error` is a `DomainError`, whichever copy of this package made it; with this code if one is given. */
export function isDomainError(error: unknown, code?: string): error is DomainError {
  return isBranded(error, brand) && (code === undefined || (error as DomainError).code === code)
}

/** What `decide` threw, as the core takes it. */
export interface Refusal {
  domain: boolean
  code?: string
  message: string
}

/** The errors that the language itself throws when code is wrong. */
const bugs = new Set(['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError', 'EvalError', 'URIError', 'InternalError', 'AggregateError'])

/**
 * Tells a refusal from a bug. A refusal: a `DomainError`, any other `Error` that the app throws on purpose, a string, or an
 * object with a `message` or a `code`. A bug: an error that the language or the browser throws when code is wrong (`TypeError`,
 * `RangeError`, `DOMException` …), an error of this package, and anything that says nothing (`undefined`, a number).
 * The difference matters offline: a refusal rejects a pending command for good, a bug leaves it pending until the app is mended.
 */
export function classifyThrown(thrown: unknown): Refusal {
  const message = messageOf(thrown)
  if (isDomainError(thrown)) return { domain: true, code: String(thrown.code), message }
  if (typeof thrown === 'string') return { domain: thrown !== '', message }
  if (typeof thrown !== 'object' || thrown === null || isTidelogError(thrown)) return { domain: false, message }
  const { name, code, message: text } = thrown as { name?: unknown; code?: unknown; message?: unknown }
  if (typeof name === 'string' && bugs.has(name)) return { domain: false, message: `${name}: ${message}` }
  if (typeof DOMException === 'function' && thrown instanceof DOMException) return { domain: false, message: `${thrown.name}: ${message}` }
  if (typeof code === 'string') return { domain: true, code, message: typeof text === 'string' ? text : code }
  return { domain: typeof text === 'string', message }
}
