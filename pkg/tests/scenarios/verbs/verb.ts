/** What a verb of the scenarios is. */
import type { AnyAggregate, AnyProjection, ProcessManager, Tidelog } from '../../../src/index.js'
import type { Parts } from '../domain.js'
import type { World } from '../world.js'

export type Arguments = Readonly<Record<string, unknown>>

/** On what a verb is played. */
export class Stage {
  readonly world: World
  readonly #parts: Parts

  constructor(world: World, parts: Parts) {
    this.world = world
    this.#parts = parts
  }

  aggregate(name: unknown): AnyAggregate {
    return named(this.#parts.aggregates, name)
  }

  projection(name: unknown): AnyProjection {
    return named(this.#parts.projections, name)
  }

  /** Also one that no tidelog was given. */
  process(name: unknown): ProcessManager<unknown> {
    return (this.#parts.processes[String(name)] ?? { name }) as ProcessManager<unknown>
  }
}

function named<Part>(parts: Readonly<Record<string, Part>>, name: unknown): Part {
  const found = parts[String(name)]
  if (found === undefined) throw new Error(`the domain has no ${String(name)}`)
  return found
}

export interface Verb {
  readonly takes: readonly string[]
  run(device: Tidelog, given: Arguments, stage: Stage): unknown
}

export type Verbs = Readonly<Record<string, Verb>>
