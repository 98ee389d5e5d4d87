/** Encoding: values to JSON text, refusing what JSON would lose or change, with the path to it. */
import type { ExecuteOptions, ExpectedVersion, MessageOptions } from './command.js'
import { invalidArgument, isTidelogError, TidelogError } from './errors.js'

/** The largest data of an event or command, in bytes of JSON: 1 MiB. */
export const maxData = 1 << 20
/** The largest bag of the app's own metadata, in bytes of JSON: 64 KiB. */
export const maxCustom = 1 << 16
/** How deep data may be nested, so that no reader runs out of stack. */
export const maxDepth = 100

/**
 * The JSON text of `value`. Properties that are undefined are left out, and a `toJSON` is followed, as JSON does.
 *
 * @throws {TidelogError} `not-json`: a cycle, a BigInt, function, symbol, NaN, infinity, an undefined array element, an invalid
 * date, an instance of a class without `toJSON` (Map, Set, typed arrays …), or more than 100 levels.
 * With `exact`, also what would come back as something else: a property that is undefined, -0, anything with a `toJSON`, an object without
 * a prototype, properties that JSON passes over.
 *
 * @throws {TidelogError} `too-large`: over `limit` bytes of UTF-8.
 */
export function encodeJson(value: unknown, path: string, limit: number = maxData, exact = false): string {
  let text: string | undefined
  try {
    checkJson(value, path, [], exact)
    text = JSON.stringify(value)
  } catch (thrown) {
    if (isTidelogError(thrown)) throw thrown
    // What runs code of the app while it is read: a getter or a toJSON that throws.
    throw new TidelogError('not-json', `${path} can't be written as JSON`, { path }, { cause: thrown })
  }
  if (text === undefined) throw notJson(path, 'undefined')
  const length = byteLength(text, limit)
  if (length > limit) {
    throw new TidelogError('too-large', `${path} is ${length} bytes of JSON, over the limit of ${limit}`, { what: path, length, limit })
  }
  return text
}

/** Bytes of UTF-8; counted exactly only where it could be over the limit. */
function byteLength(text: string, limit: number): number {
  return text.length * 3 <= limit || text.length > limit ? text.length : new TextEncoder().encode(text).length
}

function notJson(path: string, what: string): TidelogError<'not-json'> {
  return new TidelogError('not-json', `${path} is ${what}, which JSON can't hold`, { path })
}

function checkJson(value: unknown, path: string, above: object[], exact: boolean): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (!Number.isFinite(value)) throw notJson(path, String(value))
      if (exact && Object.is(value, -0)) throw notJson(path, '-0')
      return
    case 'object':
      if (value !== null) checkObject(value, path, above, exact)
      return
    case 'undefined':
      throw notJson(path, 'undefined')
    default:
      throw notJson(path, `a ${typeof value}`)
  }
}

function checkObject(value: object, path: string, above: object[], exact: boolean): void {
  if (above.includes(value)) throw notJson(path, 'part of a cycle')
  if (above.length >= maxDepth) throw notJson(path, `nested deeper than ${maxDepth} levels`)
  above.push(value)
  const { toJSON } = value as { toJSON?: unknown }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) checkJson(value[index], `${path}[${index}]`, above, exact)
  } else if (typeof toJSON === 'function') {
    if (exact) throw notJson(path, `an instance of ${className(value)}`)
    if (value instanceof Date && Number.isNaN(value.getTime())) throw notJson(path, 'an invalid date')
    checkJson((toJSON as () => unknown).call(value), path, above, exact)
  } else {
    const prototype: unknown = Object.getPrototypeOf(value)
    // A plain object of this or another realm; classes have a prototype of their own below it.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw notJson(path, `an instance of ${className(value)} without toJSON`)
    }
    for (const key of Object.keys(value)) {
      const property = (value as Record<string, unknown>)[key]
      if (exact || property !== undefined) checkJson(property, /^[\w$]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`, above, exact)
    }
  }
  if (exact) {
    // Beside the elements of an array there is its length, and nothing else.
    const hidden = Reflect.ownKeys(value).length !== (Array.isArray(value) ? value.length + 1 : Object.keys(value).length)
    if (hidden || Object.getPrototypeOf(value) === null) throw notJson(path, hidden ? 'something with hidden properties' : 'an object without a prototype')
  }
  above.pop()
}

function className(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } }
  return typeof constructor?.name === 'string' && constructor.name !== '' ? constructor.name : 'a class'
}

/** A command as JSON text. */
export function encodeCommand(command: unknown): string {
  if (typeof command !== 'object' || command === null) throw invalidArgument('command', 'a command is an object { type, data }')
  const { type, data } = command as { type?: unknown; data?: unknown }
  if (typeof type !== 'string' || type === '') throw invalidArgument('command.type', 'the type of a command is a string that is not empty')
  return `{"type":${JSON.stringify(type)},"data":${data === undefined ? 'null' : encodeJson(data, 'command.data')}}`
}

/** What may stand in an event; anything else would be lost silently. `kind` and `metadata` come with deciders of other libraries. */
const eventKeys = new Set(['type', 'data', 'schemaVersion', 'id', 'occurredAt', 'custom', 'metadata', 'kind'])

/** One event as JSON text. */
function encodeEvent(event: unknown, path: string): string {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) throw invalidArgument(path, `${path} is no event: { type, data }`)
  const { type, data, schemaVersion, id, occurredAt, custom, metadata } = event as Record<string, unknown>
  if (typeof type !== 'string' || type === '') throw invalidArgument(`${path}.type`, `${path}.type is the event's type: a string that is not empty`)
  for (const key of Object.keys(event)) {
    if (!eventKeys.has(key)) throw invalidArgument(`${path}.${key}`, `${path}.${key} would be lost: put it into data, or into custom`)
  }
  let text = `{"type":${JSON.stringify(type)}`
  if (data !== undefined) text += `,"data":${encodeJson(data, `${path}.data`)}`
  if (schemaVersion !== undefined) text += `,"schemaVersion":${integer(schemaVersion, 1, 0xffff_ffff, `${path}.schemaVersion`)}`
  if (id !== undefined) {
    if (!isUuid(id)) throw invalidArgument(`${path}.id`, `${path}.id is no UUID`)
    text += `,"id":"${id}"`
  }
  if (occurredAt !== undefined) text += `,"occurredAt":${millis(occurredAt, `${path}.occurredAt`)}`
  const bag = custom ?? metadata
  if (bag !== undefined) text += `,"custom":${encodeJson(bag, `${path}.custom`, maxCustom)}`
  return `${text}}`
}

/** Whether a value is a UUID as text. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
}

/** What `decide` returned, or the events of an append, as a JSON array. */
export function encodeEvents(events: unknown, path = 'events'): string {
  const list: readonly unknown[] = Array.isArray(events) ? events : [events]
  let text = '['
  // Not `map`: it would skip the holes of a sparse array.
  for (let index = 0; index < list.length; index++) text += `${index > 0 ? ',' : ''}${encodeEvent(list[index], `${path}[${index}]`)}`
  return `${text}]`
}

/** An integer within bounds. */
export function integer(value: unknown, least: number, most: number, argument: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw invalidArgument(argument, `${argument} is an integer from ${least} to ${most}, not ${shown(value)}`)
  }
  return value
}

/** A moment in milliseconds since 1970. */
export function millis(value: unknown, argument: string): number {
  const time = value instanceof Date ? value.getTime() : value
  if (typeof time !== 'number' || !Number.isFinite(time) || Math.abs(time) > 8.64e15) {
    throw invalidArgument(argument, `${argument} is a valid Date or milliseconds since 1970, not ${shown(value)}`)
  }
  return Math.floor(time)
}

/** A string that is not empty. */
export function text(value: unknown, argument: string): string {
  if (typeof value !== 'string' || value === '') throw invalidArgument(argument, `${argument} is a string that is not empty, not ${shown(value)}`)
  return value
}

/** An expected version. */
export function expected(value: unknown, argument = 'expectedVersion'): ExpectedVersion {
  if (value === 'any' || value === 'exists' || value === 'none') return value
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalidArgument(argument, `${argument} is 'any', 'exists', 'none' or an integer from 0, not ${shown(value)}`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** What goes with a message, checked. */
export function messageOptions(options: MessageOptions): Record<string, unknown> {
  const { commandId, actor, correlationId, causationId, traceparent } = options
  const sent: Record<string, unknown> = {}
  for (const [key, value] of Object.entries({ commandId, actor, correlationId, causationId, traceparent })) {
    if (value !== undefined) sent[key] = text(value, key)
  }
  if (commandId && new TextEncoder().encode(commandId).length > 128) throw invalidArgument('commandId', 'a commandId is at most 128 bytes')
  return sent
}

/** What goes with a command, as JSON. */
export function executeOptions(options: ExecuteOptions): string {
  const sent = messageOptions(options)
  if (options.expectedVersion !== undefined) sent['expectedVersion'] = expected(options.expectedVersion)
  return JSON.stringify(sent)
}
