/** Aggregates, projections and process managers that the wasm brings with it: written in Rust, compiled into a module of the app's own. */
import { checkName, type Aggregate } from './aggregate.js'
import type { AnyCommand } from './command.js'
import type { AnyEvent } from './event.js'
import type { ProcessManager } from './process.js'
import type { Projection } from './projection.js'

const brand = Symbol.for('tidelog.rust')

/** Whether the wasm brings it. */
export const isRust = (one: object): boolean => brand in one

/**
 * An aggregate of the app's own wasm module, by its name: the `NAME` of the Rust type that the crate gives to `tidelog::export!`. The
 * types say what crosses: commands and events as `{ type, data }`, states as serde writes them.
 *
 * ```ts
 * const course = rustAggregate<CourseState, CourseCommand, CourseEvent>('course')
 * const tidelog = await open({ name: 'academy', wasm: import('./wasm/academy.js'), aggregates: [course] })
 * ```
 *
 * @throws {TidelogError} `invalid-argument` if the name can't be one.
 */
export function rustAggregate<State, Command extends AnyCommand, Event extends AnyEvent>(name: string): Aggregate<State, Command, Event> {
  checkName('aggregate', name)
  const inRust = stub(name)
  return Object.freeze({ name, initialState: inRust, decide: inRust, evolve: inRust, policies: {}, schemas: {}, schemaVersion: 1, snapshot: {}, [brand]: true })
}

/** A projection of the app's own wasm module, by its name. Its rows cross as serde writes them. */
export function rustProjection<Row>(name: string): Projection<Row> {
  checkName('projection', name)
  const inRust = stub(name)
  return Object.freeze({ name, initial: inRust, key: inRust, on: {}, from: undefined, kept: undefined, [brand]: true })
}

/** A process manager of the app's own wasm module, by its name. Its states cross as serde writes them. Those not given to `open()` don't act. */
export function rustProcess<State>(name: string): ProcessManager<State> {
  checkName('process manager', name)
  const inRust = stub(name)
  return Object.freeze({ name, initialState: inRust, correlate: inRust, evolve: inRust, react: inRust, [brand]: true })
}

const stub = (name: string) => (): never => {
  throw new TypeError(`${name} is written in Rust: only the core of the wasm module that brings it can call it`)
}
