/** Assertions whose failures say in the words of the protocol what was expected and what came. */
import { isDeepStrictEqual } from 'node:util'

/** The server does something other than the rule says. */
export class Broken extends Error {
  name = 'Broken'
}

/** The rule can't be tried on this server: it does not offer what the rule is about, or the suite was not told how. */
export class NotTried extends Error {
  name = 'NotTried'
}

const shown = (value) => {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text
}

/** Breaks the rule unless `holds`. */
export function check(holds, what) {
  if (!holds) throw new Broken(what)
}

/** Breaks the rule unless both are equal in all their parts. */
export function equal(actual, expected, what) {
  if (!isDeepStrictEqual(actual, expected)) throw new Broken(`${what}: expected ${shown(expected)}, got ${shown(actual)}`)
}

/** Breaks the rule unless `actual` has all fields of `expected`, equal; it may have more. */
export function has(actual, expected, what) {
  for (const [field, value] of Object.entries(expected)) equal(actual?.[field], value, `${what}: ${field}`)
}

/** Breaks the rule unless the answer is problem details of this type (after `urn:tidelog:problem:`) and status. */
export function problem(answer, status, type, what) {
  equal(answer.status, status, `${what}: the status, with the body ${shown(answer.text)}`)
  const mediaType = (answer.headers.get('content-type') ?? '').split(';')[0].trim()
  equal(mediaType, 'application/problem+json', `${what}: Content-Type`)
  equal(answer.json?.type, `urn:tidelog:problem:${type}`, `${what}: type`)
  equal(answer.json.status, status, `${what}: status in the body`)
  for (const field of ['title', 'detail']) check(typeof answer.json[field] === 'string' && answer.json[field] !== '', `${what}: the problem has no ${field}`)
}
