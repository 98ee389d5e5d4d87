/** Process managers (sagas): what leads from events of some aggregates to commands for others. */
import { checkName, type Aggregate } from './aggregate.js'
import type { AnyCommand } from './command.js'
import { encodeCommand, integer, millis, text } from './encode.js'
import { invalidArgument, TidelogError } from './errors.js'
import type { AnyEvent, RecordedEvent } from './event.js'

/** What an event is to a process: the first, a further or the last one of an instance. Nothing if it is none of its business. */
export type Correlation = { readonly start: string } | { readonly continue: string } | { readonly stop: string } | null | undefined | void

/** What a process does about an event or a timeout: made by the functions of `reaction`. */
export interface Reaction {
  /** @internal As the core reads it. */
  readonly json: string
}

/** What a reaction may know beside state and event. All of it comes from the log, so that every device comes to the same. */
export interface ProcessContext {
  /** The id of the instance. */
  readonly instance: string
  /** The moment of the event: when the authority recorded it, or when it occurred while it is pending. */
  readonly now: Date
  /** Whether the event is pending still (only with `on: 'pending'`). */
  readonly pending: boolean
}

/** What a reaction returns. */
export type Reactions = Reaction | readonly Reaction[] | null | undefined | void

/** What `processManager()` takes. The functions are pure and synchronous. */
export interface ProcessDefinition<State, Event extends AnyEvent> {
  /** Its name, and the first part of the names of the streams that its notes go to. No hyphen; no name of an aggregate. */
  readonly name: string
  /** The types of events it is interested in. Default: all. */
  readonly types?: readonly Event['type'][]
  /**
   * `confirmed` (default): it acts once the authority has accepted an event. `pending`: on events of this device at once; they may
   * still change or be rejected, and what they caused is rejected with them.
   */
  readonly on?: 'confirmed' | 'pending'
  /** What an instance knows at its start, or a function that makes it. */
  readonly initialState: State | (() => State)
  /** Which instance an event belongs to. */
  readonly correlate: (event: RecordedEvent<Event>) => Correlation
  /** The state after an event. Default: the state stays. */
  readonly evolve?: (state: State, event: RecordedEvent<Event>) => NoInfer<State>
  /** What the event leads to, on the state after it. */
  readonly react: (state: State, event: RecordedEvent<Event>, context: ProcessContext) => Reactions
  /** What a timeout leads to. */
  readonly onTimeout?: (state: State, name: string, context: ProcessContext) => Reactions
}

/** A process manager, made by `processManager()`. */
export interface ProcessManager<State> extends ProcessDefinition<State, AnyEvent> {
  readonly initialState: () => State
  readonly evolve: (state: State, event: RecordedEvent) => State
}

/** Any process manager, whatever its state. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- functions of any parameters accept no narrower type
export type AnyProcess = ProcessManager<any>

/**
 * Defines a process manager. Its state is what JSON can hold; the type of the events comes from the parameter of `correlate`.
 *
 * ```ts
 * const certification = processManager({
 *   name: 'certification',
 *   initialState: {},
 *   correlate: (event: CourseCompleted | LessonCompleted) => ({ start: event.data.learner }),
 *   react: (state, event, { instance }) =>
 *     event.type === 'CourseCompleted'
 *       ? [reaction.cancel('idle'), reaction.send(certificate, instance, { type: 'Issue' }, { compensate: { type: 'Revoke' } })]
 *       : reaction.after('idle', 7 * 86_400_000),
 *   onTimeout: (state, name, { instance }) => reaction.send(inbox, instance, { type: 'Remind' }),
 * })
 * ```
 *
 * @throws {TidelogError} `invalid-argument` if the name can't begin a stream's name, or a part is missing.
 */
export function processManager<State, Event extends AnyEvent>(definition: ProcessDefinition<State, Event>): ProcessManager<State> {
  const { name, initialState, evolve = (state) => state, correlate, react, onTimeout = () => [], on = 'confirmed' } = definition
  checkName('process manager', name)
  if (name.includes('-')) throw invalidArgument('name', `a process manager's name may not hold a hyphen: ${JSON.stringify(name)}`)
  for (const [part, value] of Object.entries({ correlate, evolve, react, onTimeout })) {
    if (typeof value !== 'function') throw invalidArgument(part, `process manager ${name} needs a function \`${part}\``)
  }
  if (on !== 'confirmed' && on !== 'pending') throw invalidArgument('on', 'on is confirmed or pending')
  const initial = typeof initialState === 'function' ? (initialState as () => State) : () => structuredClone(initialState)
  return Object.freeze({ ...definition, on, initialState: initial, evolve, onTimeout }) as unknown as ProcessManager<State>
}

const json = (json: string): Reaction => ({ json })
const named = (name: string): string => JSON.stringify(text(name, 'name'))

/** What a process can do about an event or a timeout. */
export const reaction = {
  /**
   * Carries out a command. Several are carried out in order; if one is refused, or its commit is rejected later, those after it are
   * not begun, and those before it are made up for by `compensate`, a command to the same instance, the latest first.
   */
  send<State, Command extends AnyCommand, Event extends AnyEvent>(
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a process sends is as it is decided, after any schema
    aggregate: Aggregate<State, Command, Event, any>,
    id: string,
    command: NoInfer<Command>,
    options: { readonly compensate?: NoInfer<Command> } = {},
  ): Reaction {
    const errand = (command: AnyCommand, more = ''): string => `{"aggregate":${JSON.stringify(aggregate.name)},"id":${JSON.stringify(text(id, 'id'))},"command":${encodeCommand(command)}${more}}`
    const { compensate } = options
    return json(`{"execute":${errand(command, compensate && `,"compensation":${errand(compensate)}`)}}`)
  },
  /** Lets a timeout ring so many milliseconds after the event; one of the same name that has not rung yet is replaced. */
  after: (name: string, milliseconds: number): Reaction => json(`{"schedule":{"name":${named(name)},"after":${integer(milliseconds, 0, Number.MAX_SAFE_INTEGER, 'milliseconds')}}}`),
  /** Lets a timeout ring at a moment: a `Date` or milliseconds since 1970. */
  at: (name: string, moment: Date | number): Reaction => json(`{"schedule":{"name":${named(name)},"at":${millis(moment, 'moment')}}}`),
  /** Drops the timeout of this name, if it has not rung yet. */
  cancel: (name: string): Reaction => json(`{"cancel":${named(name)}}`),
  /** Makes up for everything the instance has done, the latest first; says why. */
  compensate: (reason: string): Reaction => json(`{"compensate":${JSON.stringify(String(reason))}}`),
}

/** A process manager that was not given to `open()`. */
export function unknownProcess(process: AnyProcess | undefined): TidelogError<'unknown-process'> {
  const name = String(process?.name)
  return new TidelogError('unknown-process', `the process manager ${name} was not given to open()`, { process: name })
}
