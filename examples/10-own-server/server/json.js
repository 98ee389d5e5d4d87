/** JSON of which some values stay the text they came as, for a number that is read and written again may be another. */

/** The text of a JSON value. */
export class Raw {
  constructor(text) {
    this.text = text
  }
}

/** What the protocol hands on as it came. */
const asItCame = new Set(['data', 'custom'])
const tokens = /[\s,:]*("[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]|[^\s,:{}[\]"]+)/y

/** Reads JSON; the values of `data` and `custom` become `Raw`. Throws what `JSON.parse` throws. */
export function parse(text) {
  JSON.parse(text) // from here on it is known to be well-formed
  let at = 0
  const next = () => {
    tokens.lastIndex = at
    const [, token] = tokens.exec(text)
    at = tokens.lastIndex
    return token
  }
  const raw = () => {
    const first = next()
    const start = at - first.length
    for (let depth = '{['.includes(first) ? 1 : 0; depth > 0; ) {
      const token = next()
      if (token === '{' || token === '[') depth++
      if (token === '}' || token === ']') depth--
    }
    return new Raw(text.slice(start, at))
  }
  const value = (token) => {
    if (token === '[') {
      const items = []
      for (let item; (item = next()) !== ']'; ) items.push(value(item))
      return items
    }
    if (token !== '{') return JSON.parse(token)
    const fields = Object.create(null)
    for (let key; (key = next()) !== '}'; ) {
      const name = JSON.parse(key)
      fields[name] = asItCame.has(name) ? raw() : value(next())
    }
    return fields
  }
  return value(next())
}

/** Writes what `parse` has read. */
export function write(value) {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${write(field)}`).join(',')}}`
}
