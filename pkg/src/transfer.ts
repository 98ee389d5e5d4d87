/** The work of exports and imports (`export.ts` says what they are) and of bulk appends. */
import type { Session } from './session.js'
import { encodeEvents, millis, text } from './encode.js'
import { invalidArgument } from './errors.js'
import type { ExportOptions, ImportOptions, ImportSource, RowImportOptions, TransferProgress } from './export.js'
import { versions } from './read.js'

export { appendInChunks } from './bulk.js'

/** The rows that are written in one transaction. */
const maxRows = 500
/** The characters of a long text that are taken at a time. */
const maxPart = 1 << 16

/** The chunks of an export. */
export async function* exportChunks(session: Session, options: ExportOptions): AsyncGenerator<string> {
  const { form, person, from, to, confirmedOnly, as, source, onProgress, signal } = options
  const { streams = [], aggregates = [], actor } = person ?? options
  const selection = {
    streams,
    aggregates: aggregates.map((one) => (typeof one === 'string' ? one : one.name)),
    actor,
    either: person !== undefined,
    from: from === undefined ? from : millis(from, 'from'),
    to: to === undefined ? to : millis(to, 'to'),
    confirmedOnly,
  }
  const core = session.now(() => session.core.exportLog(JSON.stringify({ form, as: as && versions(as), source, selection })))
  for (;;) {
    signal?.throwIfAborted()
    const chunk = await session.call(() => core.next())
    if (chunk === undefined) return
    onProgress?.(JSON.parse(core.progress()) as TransferProgress)
    yield chunk
  }
}

/** All chunks as one text. */
export async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let all = ''
  for await (const chunk of chunks) all += chunk
  return all
}

/** Runs an import. */
export async function runImport<Row>(session: Session, source: unknown, options: ImportOptions & Partial<RowImportOptions<Row>>): Promise<TransferProgress> {
  const { onProgress, signal, map, mode, source: name } = options
  const core = session.now(() => session.core.importLog(JSON.stringify({ mode, source: map && text(name, 'source') })))
  const told = async (doing: Promise<string>): Promise<TransferProgress> => {
    const progress = JSON.parse(await doing) as TransferProgress
    onProgress?.(progress)
    return progress
  }
  if (map) {
    const rows: string[] = []
    let index = 0
    const flush = (): Promise<TransferProgress> => {
      const json = `[${rows.splice(0).join(',')}]`
      return told(session.call(() => core.rows(json)))
    }
    for await (const row of source as AsyncIterable<Row>) {
      signal?.throwIfAborted()
      const path = `rows[${index}]`
      const mapped = map(row, index++)
      if (mapped === null) continue
      const { key, stream, events } = mapped
      rows.push(`{"key":${JSON.stringify(text(key, `${path}.key`))},"stream":${JSON.stringify(text(stream, `${path}.stream`))},"events":${encodeEvents(events, `${path}.events`)}}`)
      if (rows.length === maxRows) await flush()
    }
    return flush()
  }
  const decoder = new TextDecoder()
  for await (const part of parts(source as ImportSource)) {
    signal?.throwIfAborted()
    const decoded = typeof part === 'string' ? part : decoder.decode(part, { stream: true })
    await told(session.call(() => core.push(decoded)))
  }
  return told(session.call(() => core.finish()))
}

/** The parts of a source; a long text is cut so that progress is seen. */
async function* parts(source: ImportSource): AsyncGenerator<Uint8Array | string> {
  if (typeof source === 'string') {
    for (let at = 0; at < source.length; ) {
      const end = at + maxPart
      // Not between the two halves of a character.
      const next = source.charCodeAt(end - 1) >> 10 === 0xd800 >> 10 ? end + 1 : end
      yield source.slice(at, next)
      at = next
    }
    return
  }
  if (source instanceof Blob) source = source.stream()
  if (typeof (source as ReadableStream | undefined)?.getReader === 'function') {
    // Not `for await`: not every browser can iterate over a stream.
    const reader = (source as ReadableStream<Uint8Array | string>).getReader()
    try {
      for (;;) {
        const read = await reader.read()
        if (read.done) return
        yield read.value
      }
    } finally {
      reader.releaseLock()
    }
  }
  const iterable = source as Partial<AsyncIterable<string> & Iterable<string>> | undefined
  if (!iterable?.[Symbol.asyncIterator] && !iterable?.[Symbol.iterator]) throw invalidArgument('source', 'an import takes text, a Blob, a stream, or something to iterate over')
  yield* iterable as AsyncIterable<string>
}
