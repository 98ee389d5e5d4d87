/** What is expected and what is there: compared as text, so that a difference can be shown line by line. */

/** An assertion that does not hold. Test runners know it by its name, and may show `expected` and `actual` in their own way. */
export class ExpectationError extends Error {
  override readonly name = 'AssertionError'
  readonly code = 'ERR_ASSERTION'
  readonly expected: unknown
  readonly actual: unknown

  constructor(message: string, expected?: unknown, actual?: unknown) {
    super(message)
    this.expected = expected
    this.actual = actual
  }
}

/** Throws with the difference if two values are not the same: properties that are undefined don't count, the order of keys neither. */
export function same(what: string, expected: unknown, actual: unknown): void {
  const [old, now] = [show(expected), show(actual)]
  if (old !== now) throw new ExpectationError(`${what} differ:\n${difference(old, now)}`, expected, actual)
}

/** A value as text: JSON with sorted keys, and names for what JSON does not know. */
export function show(value: unknown): string {
  return written(value, '', [])
}

function written(value: unknown, indent: string, above: readonly object[]): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value !== 'object' || value === null) return value === undefined ? 'undefined' : (JSON.stringify(value) ?? typeof value)
  if (above.includes(value)) return '(itself)'
  const inner = `${indent}  `
  const part = (one: unknown): string => written(one, inner, [...above, value])
  const lines = (open: string, items: readonly string[], close: string): string =>
    items.length === 0 ? open + close : `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`
  if (value instanceof Date) return `Date ${Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()}`
  if (Array.isArray(value)) return lines('[', value.map(part), ']')
  if (value instanceof Set) return lines('Set {', [...value].map(part).sort(), '}')
  if (value instanceof Map) return lines('Map {', [...value].map(([key, one]) => `${part(key)} => ${part(one)}`).sort(), '}')
  if (value instanceof Error) return `${value.name}: ${value.message}`
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name
  const fields = Object.entries(value).filter(([, one]) => one !== undefined)
  const sorted = fields.sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, one]) => `${JSON.stringify(key)}: ${part(one)}`)
  return lines(name === undefined || name === 'Object' ? '{' : `${name} {`, sorted, '}')
}

/** Both texts as one: lines of both, of `expected` alone (`-`), and of `actual` alone (`+`). */
export function difference(expected: string, actual: string): string {
  const [old, now] = [expected.split('\n'), actual.split('\n')]
  // common[i][j]: how many lines old[i..] and now[j..] have in common, in order
  const common = Array.from({ length: old.length + 1 }, () => new Array<number>(now.length + 1).fill(0))
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      common[i]![j] = old[i] === now[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!)
    }
  }
  const lines = ['- expected', '+ actual']
  for (let i = 0, j = 0; i < old.length || j < now.length; ) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push(`  ${old[i]}`)
      i++
      j++
    } else if (j === now.length || (i < old.length && common[i + 1]![j]! >= common[i]![j + 1]!)) lines.push(`- ${old[i++]}`)
    else lines.push(`+ ${now[j++]}`)
  }
  return lines.join('\n')
}
