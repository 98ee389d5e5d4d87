/** Bulk appends: many commits, a transaction for each chunk of them. */
import type { BulkCommit } from './command.js'
import { encodeEvents, expected, text } from './encode.js'
import { invalidArgument } from './errors.js'

/** The most events of a chunk, unless a single commit has more. */
const maxEvents = 1_000
/** The most JSON of a chunk in characters, unless a single commit has more. */
const maxLength = 1 << 20

/** How far a bulk append has come. */
export interface BulkProgress {
  /** Commits that are durable. */
  readonly commits: number
  /** Events that are durable. */
  readonly events: number
  /** How many commits there are, if they were given as an array. */
  readonly total?: number
}

/** The options of `appendAll`. */
export interface BulkOptions {
  /** Called after each chunk that is durable. */
  readonly onProgress?: (progress: BulkProgress) => void
  /** Stops between two chunks: the promise rejects with the signal's reason, and what is durable stays. */
  readonly signal?: AbortSignal
}

/**
 * Appends commits in chunks; each is written whole or not at all. Resolves to what is durable in the end. If one fails, the
 * promise rejects, the chunks before it stay, and `onProgress` has said how many commits they were.
 */
export async function appendInChunks(
  commits: Iterable<BulkCommit> | AsyncIterable<BulkCommit>,
  { onProgress, signal }: BulkOptions,
  append: (chunk: string, commits: readonly BulkCommit[]) => Promise<number>,
  check: (stream: string, events: unknown, path: string) => unknown = (_, events) => events,
): Promise<BulkProgress> {
  const total = Array.isArray(commits) ? { total: commits.length } : {}
  let progress: BulkProgress = { commits: 0, events: 0, ...total }
  let chunk: string[] = []
  let given: BulkCommit[] = []
  let events = 0
  let length = 0

  async function flush(): Promise<void> {
    if (chunk.length === 0) return
    signal?.throwIfAborted()
    await append(`[${chunk.join(',')}]`, given)
    progress = { commits: progress.commits + chunk.length, events: progress.events + events, ...total }
    chunk = []
    given = []
    events = length = 0
    onProgress?.(progress)
  }

  let index = 0
  for await (const commit of commits) {
    const path = `commits[${index++}]`
    const json = encodeCommit(commit && { ...commit, events: check(commit.stream, commit.events, `${path}.events`) as BulkCommit['events'] }, path)
    if (events + commit.events.length > maxEvents || length + json.length > maxLength) await flush()
    chunk.push(json)
    given.push(commit)
    events += commit.events.length
    length += json.length
  }
  await flush()
  return progress
}

/** One commit of a bulk append as JSON text. */
export function encodeCommit(commit: BulkCommit, path: string): string {
  const { stream, events, expectedVersion = 'any' } = commit ?? ({} as BulkCommit)
  if (!Array.isArray(events) || events.length === 0) throw invalidArgument(`${path}.events`, `${path}.events is an array of at least one event`)
  return `{"stream":${JSON.stringify(text(stream, `${path}.stream`))},"events":${encodeEvents(events, `${path}.events`)},"expectedVersion":${JSON.stringify(expected(expectedVersion, `${path}.expectedVersion`))}}`
}
