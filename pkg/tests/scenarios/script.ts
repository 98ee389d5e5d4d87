/** The language of the scenarios: steps, what was kept, and whether an answer holds what was expected. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** What is played in: courses and exams, or what a process leads to. */
export type Domain = 'course' | 'academy'

export interface Script {
  readonly about: string
  readonly scenarios: readonly Scenario[]
}

export interface Scenario {
  readonly name: string
  /** Whether a server is the authority; else each device is its own. */
  readonly server?: boolean
  /** Whether a device is opened again on what it has stored: that needs a browser. */
  readonly stored?: boolean
  /** Which domain it is played in; default `course`. */
  readonly domain?: Domain
  readonly steps: readonly Step[]
}

export type Step = { readonly [key: string]: Json } & { readonly do: string; readonly on?: string; readonly as?: string; readonly eventually?: boolean }

/** The keys of a step that are not arguments of its verb. */
export const stepKeys = ['do', 'on', 'gives', 'fails', 'as', 'eventually'] as const

/** Stands for anything that is there. */
const any = '$any'

/** Answers that were kept, by name. */
export class Kept {
  readonly #kept = new Map<string, unknown>()

  keep(name: string, answer: unknown): void {
    this.#kept.set(name, answer)
  }

  /** The value with every `$name.path` in it replaced by what was kept. */
  resolve(value: Json): Json {
    if (typeof value === 'string') return value.startsWith('$') && value !== any ? this.#find(value) : value
    if (Array.isArray(value)) return value.map((item: Json) => this.resolve(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, this.resolve(part)]))
  }

  #find(text: string): Json {
    const [name, ...path] = text.slice(1).split('.')
    const found = path.reduce((value: unknown, part) => (value as Record<string, unknown> | undefined)?.[part], this.#kept.get(name!))
    if (found === undefined) throw new Error(`nothing was kept at ${text}`)
    return found as Json
  }
}

/** What does not hold of an answer, each with its path; nothing if all holds. */
export function differences(expected: Json, actual: unknown, path = ''): string[] {
  const here = path || 'the answer'
  const differ = [`${here}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`]
  if (expected === any) return actual === null || actual === undefined ? differ : []
  if (expected === null) return actual === null || actual === undefined ? [] : differ
  if (typeof expected !== 'object') return Object.is(expected, actual) ? [] : differ
  if (typeof actual !== 'object' || actual === null || Array.isArray(expected) !== Array.isArray(actual)) return differ
  if (Array.isArray(expected) && expected.length !== (actual as unknown[]).length) {
    return [`${here}: ${(actual as unknown[]).length} items instead of ${expected.length}: ${JSON.stringify(actual)}`]
  }
  const at = (key: string): string => (Array.isArray(expected) ? `${path}[${key}]` : `${path}.${key}`)
  return Object.entries(expected).flatMap(([key, part]: [string, Json]) => differences(part, (actual as Record<string, unknown>)[key], at(key)))
}
