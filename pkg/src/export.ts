/** In and out: the log as text, and back. What does it is loaded when it is first asked for. */
import type { AnyAggregate } from './aggregate.js'
import { transferPart } from './parts.js'
import type { Session } from './session.js'

/** How far an export or import has come, and in the end what it was. */
export interface TransferProgress {
  /** Commits written. */
  readonly commits: number
  /** Events written. */
  readonly events: number
  /** Of an import: commits that were here already, known by their ids. */
  readonly duplicates: number
  /** Of an export: the events of the log, before the selection. */
  readonly total?: number
  /** Of an import of a log: whether it is made again as it was, or its events are added as new commits. */
  readonly mode?: 'restore' | 'merge'
}

/** What may be said of every transfer. */
export interface TransferOptions {
  /** Called after every chunk. */
  readonly onProgress?: (progress: TransferProgress) => void
  /** Ends it between two chunks: the promise rejects with the signal's reason, and what is durable stays. */
  readonly signal?: AbortSignal
}

/** Which part of a log. Commits are taken whole or not at all. */
export interface LogPart {
  /** These streams. */
  readonly streams?: readonly string[]
  /** The streams of these aggregates, by themselves or by name. */
  readonly aggregates?: readonly (string | AnyAggregate)[]
  /** What was decided on behalf of this person or system. */
  readonly actor?: string
}

/** The options of `export`. */
export interface ExportOptions extends TransferOptions, LogPart {
  /**
   * `log` (default): everything as it is stored, lines of JSON with checksums; what a backup is. `cloud-events`: a CloudEvents 1.0 event a
   * line, in today's shape. `cloud-events-batch`: one JSON array of them.
   */
  readonly form?: 'log' | 'cloud-events' | 'cloud-events-batch'
  /** A person's data: what they did (`actor`) and what is about them (`streams`, `aggregates`); either is enough. */
  readonly person?: LogPart
  /** Only what was decided at this moment or later: a `Date` or milliseconds since 1970. */
  readonly from?: Date | number
  /** Only what was decided before this moment. */
  readonly to?: Date | number
  /** Without queue and rejected list. Default false. */
  readonly confirmedOnly?: boolean
  /** Of CloudEvents: the schema version that is wanted of a type. */
  readonly as?: Readonly<Record<string, number>>
  /** Of CloudEvents: their `source`, a URI. Default: one made of the id of the log or device. */
  readonly source?: string
}

/** An export: nothing is read before someone iterates over its chunks of text or takes all at once, and each time it begins anew. */
export interface Export extends AsyncIterable<string> {
  /** All of it as one text. */
  text(): Promise<string>
  /** Its bytes, to be piped into a file, a response, or a compression. */
  stream(): ReadableStream<Uint8Array>
}

/** Text, whole or in parts, as strings or bytes of UTF-8. */
export type ImportSource = string | Blob | ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>

/** The options of `import`. */
export interface ImportOptions extends TransferOptions {
  /**
   * `restore`: the same log again, into a new one or one that an interrupted import began. `merge`: its events as new commits at the
   * end of this log. Default: `restore` where it can be, `merge` everywhere else.
   */
  readonly mode?: 'restore' | 'merge'
}

/** What a row of another database begins with here. */
export interface ImportedRow {
  /** What tells it from other rows of its source: 1 to 512 bytes. With the source it makes the ids of the events. */
  readonly key: string
  /** The stream that begins with it; there must be none yet. */
  readonly stream: string
  /** The events: those that say what the row says. */
  readonly events: readonly unknown[]
}

/** The options of an `import` of rows. */
export interface RowImportOptions<Row> extends TransferOptions {
  /** The name of what the rows come from, such as the table. The same row of the same source is imported once. */
  readonly source: string
  /** The events of a row; null to leave it out. */
  readonly map: (row: Row, index: number) => ImportedRow | null
}

/** An export whose chunks are read by code that is loaded with the first of them. */
export function makeExport(session: Session, options: ExportOptions): Export {
  session.check()
  async function* chunks(): AsyncGenerator<string> {
    const { exportChunks } = await transferPart()
    yield* exportChunks(session, options)
  }
  return {
    [Symbol.asyncIterator]: chunks,
    text: async () => (await transferPart()).textOf(chunks()),
    stream() {
      const rest = chunks()
      const bytes = new TextEncoder()
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          const next = await rest.next()
          if (next.done) controller.close()
          else controller.enqueue(bytes.encode(next.value))
        },
        cancel: () => void rest.return(undefined),
      })
    },
  }
}
