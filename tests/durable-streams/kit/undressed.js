/**
 * Arrays of JSON strings become what they were made of: whole bodies, or the `data` events of a stream of server-sent events.
 *
 * `undress` makes bytes of one string.
 */
import { Transform } from 'node:stream'

const joined = (json, undress) => Buffer.concat(JSON.parse(json).map(undress))

/** An event of a stream; what is no data stays as it is. */
function event(block, undress) {
  const lines = block.split('\n')
  if (!lines.includes('event: data')) return block
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''))
  const text = joined(data.join('\n'), undress).toString('utf8')
  return ['event: data', ...text.split(/\r\n|\r|\n/).map((line) => `data:${line}`)].join('\n')
}

export class Undressed extends Transform {
  #undress
  #isStream
  #held = ''

  constructor(undress, isStream) {
    super()
    this.#undress = undress
    this.#isStream = isStream
  }

  _transform(chunk, _encoding, done) {
    // A character may be cut: it is put together again from bytes.
    this.#held += chunk.toString('latin1')
    if (this.#isStream) {
      const blocks = this.#held.split('\n\n')
      this.#held = blocks.pop()
      for (const block of blocks) this.push(`${event(Buffer.from(block, 'latin1').toString('utf8'), this.#undress)}\n\n`)
    }
    done()
  }

  _flush(done) {
    if (!this.#isStream) this.push(joined(Buffer.from(this.#held, 'latin1').toString('utf8'), this.#undress))
    done()
  }
}
