/**
 * Structural sharing: `next`, with every part that equals the same part of `previous` replaced by that part, so that what did not
 * change keeps its identity. Looks into arrays and plain objects only, 100 levels deep (a state may hold cycles); anything else is
 * equal to itself alone.
 */
export function share<Value>(previous: unknown, next: Value, levels = 100): Value {
  if (Object.is(previous, next) || levels === 0) return next
  if (typeof next !== 'object' || next === null || typeof previous !== 'object' || previous === null) return next
  if (Array.isArray(next)) return Array.isArray(previous) ? (shareArray(previous, next, levels - 1) as Value) : next
  if (!isPlain(next) || !isPlain(previous)) return next
  return shareObject(previous as Record<string, unknown>, next as Record<string, unknown>, levels - 1) as Value
}

function shareArray(previous: readonly unknown[], next: readonly unknown[], levels: number): readonly unknown[] {
  const shared = next.map((item, index) => share(previous[index], item, levels))
  return previous.length === next.length && shared.every((item, index) => Object.is(item, previous[index])) ? previous : shared
}

function shareObject(previous: Record<string, unknown>, next: Record<string, unknown>, levels: number): Record<string, unknown> {
  const keys = Object.keys(next)
  let same = keys.length === Object.keys(previous).length
  const shared: Record<string, unknown> = {}
  for (const key of keys) {
    const value = share(previous[key], next[key], levels)
    same &&= Object.hasOwn(previous, key) && Object.is(value, previous[key])
    Object.defineProperty(shared, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return same ? previous : shared
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.getOwnPropertySymbols(value).length === 0
}
