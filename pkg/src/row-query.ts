/** Questions about the rows of a projection. */
import { integer, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { Rows } from './projection.js'

/** What a field can be compared with. What is not there counts as null. */
export type Comparable = string | number | boolean | null

type Fields<Row, Depth extends readonly 0[]> = Row extends readonly unknown[] | ((...args: never) => unknown)
  ? never
  : Row extends object
    ? {
        [Name in keyof Row & string]:
          | Name
          | (Depth extends readonly [0, ...infer Rest extends readonly 0[]] ? `${Name}.${Fields<NonNullable<Row[Name]>, Rest>}` : never)
      }[keyof Row & string]
    : never

/** The fields of a row: their names, parted by dots where one lies within another (four levels deep), and `$key` for the row's key. */
export type FieldOf<Row> = '$key' | Fields<Row, readonly [0, 0, 0]>

type ValueAt<Row, Path extends string> = Path extends '$key'
  ? string
  : Path extends keyof Row
    ? Row[Path]
    : Path extends `${infer Name}.${infer Rest}`
      ? Name extends keyof Row
        ? ValueAt<NonNullable<Row[Name]>, Rest>
        : never
      : never

type Plain<Value> = Extract<Value, Comparable> | (undefined extends Value ? null : never)

/**
 * What a field must be: a value that it equals, or tests that all have to hold. Only values of a kind are compared (no text is below a
 * number), texts by code point.
 */
export type Condition<Value> =
  | Plain<Value>
  | {
      readonly eq?: Plain<Value>
      /** One of these. */
      readonly in?: readonly Plain<Value>[]
      readonly lt?: Plain<Value>
      readonly lte?: Plain<Value>
      readonly gt?: Plain<Value>
      readonly gte?: Plain<Value>
      /** A text that begins so. */
      readonly prefix?: string
    }

/** Conditions on fields, all of which have to hold. */
export type Where<Row> = { readonly [Path in FieldOf<Row>]?: Condition<ValueAt<Row, Path>> }

/** Which rows to find, and in which order. */
export interface RowQuery<Row> {
  /** The conditions; of several in an array one has to hold with all of its fields. Default: all rows. At most 256 tests. */
  readonly where?: Where<Row> | readonly Where<Row>[]
  /**
   * The fields to order by, the first one first, the greatest first where a `-` stands before the name. Default, and among rows that
   * are equal in all of them: by key.
   */
  readonly orderBy?: FieldOf<Row> | `-${FieldOf<Row>}` | readonly (FieldOf<Row> | `-${FieldOf<Row>}`)[]
  /** At most so many rows. Default: all. */
  readonly limit?: number
  /** After so many rows. Default 0. */
  readonly offset?: number
}

/** The rows that a query finds. */
export interface RowPage<Row> {
  /** The rows with their keys, in the order asked for. */
  readonly rows: Rows<Row>
  /** How many there are without `limit` and `offset`. */
  readonly count: number
}

const operators = ['eq', 'in', 'lt', 'lte', 'gt', 'gte', 'prefix']

/** A query as the core takes it. */
export function encodeRowQuery<Row>(query: RowQuery<Row>): string {
  const { where = [], orderBy = [], limit, offset = 0 } = query
  const alternatives = (Array.isArray(where) ? where : [where]) as readonly object[]
  const fields = (Array.isArray(orderBy) ? orderBy : [orderBy]) as readonly string[]
  return JSON.stringify({
    where: alternatives.map(tests),
    orderBy: fields.map((field) => {
      const name = text(field, 'orderBy')
      return name.startsWith('-') ? [text(name.slice(1), 'orderBy'), 'desc'] : [name, 'asc']
    }),
    limit: limit === undefined ? null : integer(limit, 0, 2 ** 32 - 1, 'limit'),
    offset: integer(offset, 0, 2 ** 32 - 1, 'offset'),
  })
}

function tests(where: object): unknown[] {
  if (typeof where !== 'object' || where === null) throw invalidArgument('where', 'where is an object of conditions, or an array of such')
  return Object.entries(where).flatMap(([field, condition]: [string, unknown]) => {
    const given = typeof condition === 'object' && condition !== null ? Object.entries(condition) : [['eq', condition] as const]
    return given.map(([operator, value]: readonly [string, unknown]) => {
      const name = `where.${field}.${operator}`
      if (!operators.includes(operator)) throw invalidArgument(name, `${name} is no test: there are ${operators.join(', ')}`)
      if (operator === 'in' && !Array.isArray(value)) throw invalidArgument(name, `${name} is an array`)
      for (const one of operator === 'in' ? (value as unknown[]) : [value]) {
        const fits = operator === 'prefix' ? typeof one === 'string' : one === null || typeof one === 'string' || typeof one === 'boolean' || Number.isFinite(one)
        if (!fits) throw invalidArgument(name, `${name} is a string${operator === 'prefix' ? '' : ', a finite number, a boolean or null'}`)
      }
      return [field, { [operator]: value }]
    })
  })
}
