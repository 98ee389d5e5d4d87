/** Aggregates: plain objects that decide what happens and evolve their state by it. */
import type { AnyCommand, Policy } from './command.js'
import type { MergeFunction } from './conflict.js'
import { integer } from './encode.js'
import type { AnyEvent, EventExtras, RecordedEvent } from './event.js'
import { invalidArgument } from './errors.js'
import type { KeepLiterals } from './literals.js'
import { checkSnapshot, type SnapshotDefinition } from './snapshot.js'
import { checkSchemas, type InputsOf, type MessagesOf, type SchemaMap, type Schemas } from './schema.js'

/** What `decide` may know beside the command and the state. All of it comes from outside, so that a decision can be repeated. */
export interface DecideContext {
  /** The moment of the decision, by the device's clock. */
  readonly now: Date
  /** The stream that is decided on, `<aggregate>-<id>`. */
  readonly stream: string
  /** The id of the aggregate's instance: what stands after the first hyphen of `stream`. */
  readonly id: string
  /** The version that is decided on: the number of events so far. */
  readonly version: number
  /** On whose behalf, if it is known. */
  readonly actor?: string
  /** Whether the command is decided again because its stream moved while it was pending. */
  readonly replay: boolean
  /**
   * On replay: the events of others that arrived in the stream since it was last decided; empty at first, and where only what this device
   * did before it has changed.
   */
  readonly arrived: readonly RecordedEvent[]
}

/** Those of the commands that may have this type. */
type CommandOfType<Command extends AnyCommand, Type> = Command extends unknown ? (Type extends Command['type'] ? Command : never) : never

/** What `aggregate()` takes. */
export interface AggregateDefinition<State, Command extends AnyCommand, Event extends AnyEvent, Literal = string> {
  /** The aggregate's name, which begins the names of its streams. No hyphen, no control characters; at most 256 bytes. */
  readonly name: string
  /** The state before the first event, or a function that makes it. It has to be a function if the state is one. */
  readonly initialState: State | (() => State)
  /**
   * What happens if `command` meets `state`: one event, several, or none. It must be pure and synchronous. To refuse, it throws
   * a `DomainError`, or any other `Error` of the app; a `TypeError`, `RangeError` or the like counts as a bug.
   */
  readonly decide: (
    command: Command,
    state: State,
    context: DecideContext,
  ) => (NoInfer<Event> & EventExtras) | KeepLiterals<Literal> | readonly ((NoInfer<Event> & EventExtras) | KeepLiterals<Literal>)[]
  /** The state after `event`. It must be pure and synchronous, and returns a new state rather than changing the old one. */
  readonly evolve: (state: State, event: RecordedEvent<Event>) => NoInfer<State> | KeepLiterals<Literal>
  /**
   * What happens to a command of a type that was decided offline when its stream has moved: a word, or a function that merges. Default
   * `redecide`. Functions are typed by `decide` and `evolve`, so write them behind those.
   */
  readonly policies?: {
    readonly [Type in NoInfer<Command>['type']]?: Policy | MergeFunction<NoInfer<State>, NoInfer<CommandOfType<Command, Type>>, NoInfer<Event>>
  }
  /** The version of what states are and mean: raise it whenever code that `evolve` calls has changed. From 1, default 1. */
  readonly schemaVersion?: number
  /** How states are kept as snapshots. */
  readonly snapshot?: SnapshotDefinition<NoInfer<State>>
  /**
   * Schemas for the data of commands and events, of any library that speaks Standard Schema version 1. What a schema makes of the data
   * (a default, a trimmed text) is what is decided on and recorded. Commands are checked by `execute`, before `decide`, and not again
   * when they are decided again; events when they are decided or appended, not when they are read: what happened has happened.
   */
  readonly schemas?: Schemas
  /**
   * The types of events that `evolve` understands. Where they are given, events of other types in its streams, as a newer version of
   * the app writes them, are not handed to it: see `unknownEvents` of `open()`. Default: it is handed all.
   */
  readonly events?: readonly NoInfer<Event>['type'][]
}

/** An aggregate, made by `aggregate()`. */
export interface Aggregate<State, Command extends AnyCommand, Event extends AnyEvent, Given extends AnyCommand = Command> {
  /** The aggregate's name, which begins the names of its streams. */
  readonly name: string
  /** Makes the state before the first event. */
  readonly initialState: () => State
  /** What happens if a command meets a state. */
  readonly decide: (command: Command, state: State, context: DecideContext) => Event | readonly Event[]
  /** The state after an event. */
  readonly evolve: (state: State, event: RecordedEvent<Event>) => State
  /** The policies per command type; missing ones mean `redecide`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each merges commands of its own type
  readonly policies: Readonly<Record<string, Policy | MergeFunction<State, any, Event>>>
  /** The version of what states are and mean. */
  readonly schemaVersion: number
  /** How states are kept as snapshots. */
  readonly snapshot: SnapshotDefinition<State>
  /** The schemas of its commands and events. */
  readonly schemas: Schemas
  /** The types of events that `evolve` understands; undefined if it is handed all. */
  readonly events?: readonly Event['type'][]
  /** For the compiler alone: commands as they are given to `execute`, before a schema has put in defaults and the like. */
  readonly given?: (command: Given) => void
}

/** Any aggregate, whatever its state, commands and events. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- functions of any parameters accept no narrower type
export type AnyAggregate = Aggregate<any, any, any, any>

/** The state of an aggregate. */
export type StateOf<A extends AnyAggregate> = ReturnType<A['initialState']>
/** The commands of an aggregate, as it decides them. */
export type CommandOf<A extends AnyAggregate> = Parameters<A['decide']>[0]
/** The commands of an aggregate, as they are given to `execute`: with schemas, what those take in. */
export type GivenOf<A extends AnyAggregate> = Parameters<NonNullable<A['given']>>[0]
/** The events of an aggregate. */
export type EventOf<A extends AnyAggregate> = A extends Aggregate<infer _State, infer _Command, infer Event, infer _Given> ? Event : never

/**
 * Defines an aggregate. The types are inferred from the parameters of `decide` and `evolve`.
 *
 * ```ts
 * const course = aggregate({
 *   name: 'course',
 *   initialState: () => ({ lessons: [] as string[] }),
 *   decide(command: CompleteLesson, state) {
 *     return state.lessons.includes(command.data.lesson) ? [] : [{ type: 'LessonCompleted', data: command.data }]
 *   },
 *   evolve: (state, event: LessonCompleted) => ({ lessons: [...state.lessons, event.data.lesson] }),
 * })
 * ```
 *
 * With `schemas` for all its commands and events the types come from there: `decide: (command, state) => …` needs no annotation.
 *
 * @throws {TidelogError} `invalid-argument` if the name can't begin a stream's name, or a part is missing.
 */
export function aggregate<State, const Commands extends SchemaMap, const Events extends SchemaMap, Literal extends string | number = string>(
  definition: AggregateDefinition<State, MessagesOf<Commands>, MessagesOf<Events>, Literal> & { readonly schemas: Required<Schemas<Commands, Events>> },
): Aggregate<State, MessagesOf<Commands>, MessagesOf<Events>, InputsOf<Commands>>
export function aggregate<State, const Commands extends SchemaMap, Event extends AnyEvent<Type>, Type extends string = string, Literal extends string | number = string>(
  definition: AggregateDefinition<State, MessagesOf<Commands>, Event, Literal> & { readonly schemas: { readonly commands: Commands } },
): Aggregate<State, MessagesOf<Commands>, Event, InputsOf<Commands>>
export function aggregate<State, Command extends AnyCommand, Event extends AnyEvent<Type>, Type extends string = string, Literal extends string | number = string>(
  definition: AggregateDefinition<State, Command, Event, Literal>,
): Aggregate<State, Command, Event>
export function aggregate<State, Command extends AnyCommand, Event extends AnyEvent>(
  definition: AggregateDefinition<State, Command, Event>,
): Aggregate<State, Command, Event> {
  const { name, initialState, decide, evolve, policies = {}, schemas = {}, schemaVersion = 1, snapshot = {}, events } = definition
  checkName('aggregate', name)
  if (name.includes('-')) throw invalidArgument('name', `an aggregate's name may not hold a hyphen: ${JSON.stringify(name)}`)
  for (const [part, value] of Object.entries({ decide, evolve })) {
    if (typeof value !== 'function') throw invalidArgument(part, `aggregate ${name} needs a function \`${part}\``)
  }
  for (const [type, policy] of Object.entries(policies)) {
    if (typeof policy !== 'function' && !['redecide', 'keep', 'reject', 'ask'].includes(policy as string)) {
      throw invalidArgument('policies', `${JSON.stringify(policy)} is no policy for ${type}: redecide, keep, reject, ask or a function`)
    }
  }
  checkSchemas(schemas)
  integer(schemaVersion, 1, 0xffff_ffff, 'schemaVersion')
  checkSnapshot(snapshot)
  return Object.freeze({
    name,
    initialState: typeof initialState === 'function' ? (initialState as () => State) : () => structuredClone(initialState),
    decide: decide as Aggregate<State, Command, Event>['decide'],
    evolve: evolve as Aggregate<State, Command, Event>['evolve'],
    policies: { ...(policies as Aggregate<State, Command, Event>['policies']) },
    schemas,
    schemaVersion,
    snapshot,
    ...(events && { events: [...events] }),
  })
}

/** Checks the name of an aggregate or projection. */
export function checkName(kind: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > 256 || /[\u0000-\u001f\u007f]/.test(name)) {
    throw invalidArgument('name', `the name of ${kind === 'aggregate' ? 'an aggregate' : `a ${kind}`} is 1 to 256 characters, none of them a control character`)
  }
}
