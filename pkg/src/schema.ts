/** Schemas of any library that speaks Standard Schema version 1 (<https://standardschema.dev>): zod, valibot, arktype and others. */
import { invalidArgument } from './errors.js'

/** What the standard asks of a schema, as far as it is used here. */
export interface StandardSchema<Output = unknown, Input = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>
    // The standard lets the types be undefined: they are there for the compiler alone.
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a validation answers: the value, as the schema would have it, or what is wrong with it. */
export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined }[] }

/** What is wrong with a command or an event. */
export interface Issue {
  /** Where, such as `data.lessons[0].title`. */
  readonly path: string
  /** What, in the words of the schema. */
  readonly message: string
}

/** A schema for the data of each type; types without one are not checked. */
export type SchemaMap = { readonly [Type in string]: StandardSchema }

/** The schemas of an aggregate. */
export interface Schemas<Commands extends SchemaMap = SchemaMap, Events extends SchemaMap = SchemaMap> {
  /** For commands; their validators may be asynchronous. */
  readonly commands?: Commands
  /** For events; their validators are synchronous, as `decide` is. */
  readonly events?: Events
}

/** The messages that a map of schemas describes: a union of `{ type, data }`. */
export type MessagesOf<Map extends SchemaMap> = {
  [Type in keyof Map & string]: { readonly type: Type; readonly data: Map[Type] extends StandardSchema<infer Output> ? Output : unknown }
}[keyof Map & string]

/** The messages that a map of schemas takes in: what has a default need not be given. */
export type InputsOf<Map extends SchemaMap> = { [Type in keyof Map & string]: InputOf<Type, Map[Type]> }[keyof Map & string]

type InputOf<Type, Schema> =
  Schema extends StandardSchema<infer _Output, infer Input>
    ? undefined extends Input
      ? { readonly type: Type; readonly data?: Input }
      : { readonly type: Type; readonly data: Input }
    : { readonly type: Type; readonly data?: unknown }

/** Checks that schemas are such. */
export function checkSchemas(schemas: Schemas): void {
  for (const [kind, map] of Object.entries(schemas)) {
    for (const [type, schema] of Object.entries(map as SchemaMap)) {
      const standard = (schema as StandardSchema | undefined)?.['~standard']
      if (standard?.version !== 1 || typeof standard.validate !== 'function') {
        throw invalidArgument(`schemas.${kind}.${type}`, `schemas.${kind}.${type} is no schema of Standard Schema version 1`)
      }
    }
  }
}
