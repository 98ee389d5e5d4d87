/** Checking commands and events by their schemas: loaded where an aggregate has some. */
import type { AnyCommand } from './command.js'
import { invalidArgument, isTidelogError, messageOf, TidelogError } from './errors.js'
import type { AnyEvent } from './event.js'
import type { Issue, SchemaMap, StandardResult, StandardSchema } from './schema.js'

function schemaOf(map: SchemaMap | undefined, type: unknown): StandardSchema['~standard'] | undefined {
  return typeof type === 'string' && map && Object.hasOwn(map, type) ? map[type]!['~standard'] : undefined
}

/**
 * A command as its schema would have it.
 *
 * @throws {TidelogError} `invalid-command` with the issues; `invalid-argument` if the schema itself fails.
 */
export async function checkCommand(aggregate: string, map: SchemaMap | undefined, command: AnyCommand): Promise<AnyCommand> {
  const schema = schemaOf(map, command?.type)
  if (!schema) return command
  const result = await answer(schema, command.type, command.data)
  if (!result.issues) return { ...command, data: result.value }
  const issues = issuesOf(result.issues, 'data')
  throw new TidelogError('invalid-command', `${command.type} of ${aggregate} is not valid: ${told(issues)}`, { aggregate, command: command.type, issues })
}

/**
 * Events as their schemas would have them, at once.
 *
 * @throws {TidelogError} `invalid-event` with the issues; `invalid-argument` if a schema is asynchronous or fails.
 */
export function checkEvents(map: SchemaMap | undefined, events: unknown, path = 'events'): unknown {
  if (!map) return events
  if (!Array.isArray(events)) return (checkEvents(map, [events], path) as unknown[])[0]
  return events.map((event: AnyEvent | undefined, index) => {
    const schema = schemaOf(map, event?.type)
    if (!event || !schema) return event
    const result = answer(schema, event.type, event.data)
    if ('then' in result) {
      result.catch(() => {}) // Nobody waits for what it has to say.
      throw invalidArgument(`schemas.events.${event.type}`, `the schema of ${event.type} is asynchronous: decide and what it returns are not; check that at the command`)
    }
    if (!result.issues) return { ...event, data: result.value }
    const issues = issuesOf(result.issues, `${path}[${index}].data`)
    throw new TidelogError('invalid-event', `${event.type} is not valid: ${told(issues)}`, { event: event.type, issues })
  })
}

function answer(schema: StandardSchema['~standard'], type: string, data: unknown): StandardResult | Promise<StandardResult> {
  const fails = (thrown: unknown): never => {
    if (isTidelogError(thrown)) throw thrown
    throw invalidArgument('schemas', `the schema of ${type} (${schema.vendor}) failed: ${messageOf(thrown)}`)
  }
  try {
    const result = schema.validate(data)
    return 'then' in result ? result.catch(fails) : result
  } catch (thrown) {
    return fails(thrown)
  }
}

type StandardIssues = Extract<StandardResult, { issues: readonly unknown[] }>['issues']

function issuesOf(issues: StandardIssues, root: string): readonly Issue[] {
  // A list of some library's own may not take to `map`.
  return Array.from(issues, ({ message, path = [] }) => ({
    message,
    path: path.reduce<string>((before, part) => {
      const key = typeof part === 'object' ? part.key : part
      if (typeof key === 'number') return `${before}[${key}]`
      return /^[\w$]+$/.test(String(key)) ? `${before}.${String(key)}` : `${before}[${JSON.stringify(String(key))}]`
    }, root),
  }))
}

/** The first issues, for a message. */
function told(issues: readonly Issue[]): string {
  const first = issues.slice(0, 3).map(({ path, message }) => `${path}: ${message}`)
  return first.join('; ') + (issues.length > 3 ? `; and ${issues.length - 3} more` : '')
}
