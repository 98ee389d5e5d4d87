/**
 * What a killed Chromium leaves behind, put right before anything is written onto it.
 *
 * Chromium keeps all of an origin's IndexedDB in one LevelDB, whose newest file is a journal. If the browser dies within a write, the
 * journal ends in half a record. The next browser reads what is whole and then appends behind the half record
 * (https://github.com/google/leveldb/issues/1287), and the one after that finds a record that isn't one, takes the journal to be damaged,
 * and deletes every database of the origin. No database survives that from within, however carefully it is written.
 *
 * LevelDB begins a new journal when the old one has grown to 4 MiB at most, and then needs the old one no longer. So a page that finds
 * signs of a death writes that much ballast, always over the same row, before the log writes. Ended pages are told from dead ones by a row
 * that each page leaves while it may write, and by a Web Lock of the same name that goes when the page goes, whatever became of it.
 */
import type { Environment } from './environment.js'

const database = 'tidelog-crash-recovery'
/** One table for all: no two writes to a database may run side by side, see `src/log/indexeddb/write.rs`. */
const pages = 'pages'
const ballast = 'ballast'
/** Below 64 KiB, from where on Chromium keeps a value in a file of its own, outside the journal. */
const rowSize = 32 * 1024
/** 4.5 MiB in all, in transactions of which each leaves little to recover from. */
const transactions = 18
const rowsEach = 8
/** Milliseconds that opening waits for the ballast at most. */
const patience = 3_000
/** Milliseconds without a change after which a page that nobody sees counts as one that doesn't write. */
const quiet = 2_000

/** One for the whole page, as the storage is one for the whole origin. */
let here: Promise<Presence | undefined> | undefined

/**
 * Puts right what a Chromium that died has left, if it left something, and lets the next one know that this page is there.
 * Never fails: where it can't help, things are as they were.
 *
 * @returns What to call after each write.
 */
export async function recoverFromCrash(environment: Environment): Promise<() => void> {
  const { locks } = environment
  if (!locks?.query) return () => {}
  here ??= recover(environment, locks as LockManager).catch(() => undefined)
  let stopWaiting = (): void => {}
  const late = new Promise<undefined>((resolve) => (stopWaiting = environment.after(patience, () => resolve(undefined))))
  const presence = await Promise.race([here, late])
  stopWaiting()
  return () => presence?.wrote()
}

async function recover(environment: Environment, locks: LockManager): Promise<Presence> {
  const connection = await connect()
  const presence = new Presence(environment, connection, locks)
  await presence.hold()
  // Whoever finds this taken leaves the matter to who has it.
  await locks.request(database, { ifAvailable: true }, async (lock) => {
    if (!lock) return
    const keys = connection.transaction(pages).objectStore(pages).getAllKeys()
    await done(keys.transaction as IDBTransaction)
    const alive = new Set((await locks.query()).held?.map(({ name }) => name))
    const dead = keys.result.filter((key) => key !== ballast && !alive.has(key as string))
    if (dead.length === 0) return
    await beginNewJournal(connection)
    const transaction = connection.transaction(pages, 'readwrite')
    for (const key of dead) transaction.objectStore(pages).delete(key)
    await done(transaction)
  })
  await presence.begin()
  return presence
}

/** That this page may be writing: a row, and a lock. */
class Presence {
  readonly #environment: Environment
  readonly #connection: IDBDatabase
  readonly #locks: LockManager
  readonly #id = `${database}:${crypto.randomUUID()}`
  #release = (): void => {}
  #isMarked = false
  #cancelRest = (): void => {}

  constructor(environment: Environment, connection: IDBDatabase, locks: LockManager) {
    this.#environment = environment
    this.#connection = connection
    this.#locks = locks
  }

  /** Takes the lock, which ends with the page or with `#release`. */
  hold(): Promise<void> {
    return new Promise((held, refused) => {
      const request = this.#locks.request(this.#id, () => new Promise<void>((release) => {
        this.#release = release
        held()
      }))
      request.catch(refused)
    })
  }

  async begin(): Promise<void> {
    if (typeof document !== 'undefined') {
      document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? this.#rest() : this.#mark()))
      // A page with a lock can't be kept for the way back.
      globalThis.addEventListener('pagehide', () => {
        this.#rest()
        this.#release()
      })
      globalThis.addEventListener('pageshow', ({ persisted }) => {
        // Without the lock it stays without the row: a row alone would be taken for a death.
        if (persisted) void this.hold().then(() => this.#mark(), () => {})
      })
    }
    const marked = this.#mark()
    if (marked) await done(marked)
    // A worker is seen by nobody, and ends without a word.
    if (typeof document === 'undefined') this.wrote()
  }

  /** A page that nobody sees writes as well, when it syncs. */
  wrote(): void {
    this.#cancelRest()
    if (typeof document !== 'undefined' && document.visibilityState !== 'hidden') return
    this.#mark()
    this.#cancelRest = this.#environment.after(quiet, () => this.#rest())
  }

  #mark(): IDBTransaction | undefined {
    if (this.#isMarked) return undefined
    this.#isMarked = true
    return this.#change((store) => store.put(Date.now(), this.#id))
  }

  #rest(): void {
    this.#cancelRest()
    if (!this.#isMarked) return
    this.#isMarked = false
    this.#change((store) => store.delete(this.#id))
  }

  #change(request: (store: IDBObjectStore) => void): IDBTransaction | undefined {
    try {
      const transaction = this.#connection.transaction(pages, 'readwrite')
      request(transaction.objectStore(pages))
      // The page may end before the request does.
      transaction.commit()
      return transaction
    } catch {
      // The connection was closed: the site's data is being deleted.
      return undefined
    }
  }
}

/** Writes until LevelDB has begun a new journal and needs the old one no longer. */
async function beginNewJournal(connection: IDBDatabase): Promise<void> {
  // Chromium compresses values: bytes that can't be.
  const row = crypto.getRandomValues(new Uint8Array(rowSize))
  for (let number = 0; number <= transactions; number++) {
    const transaction = connection.transaction(pages, 'readwrite')
    const store = transaction.objectStore(pages)
    if (number === transactions) store.delete(ballast)
    else for (let put = 0; put < rowsEach; put++) store.put(row, ballast)
    await done(transaction)
  }
}

function connect(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(pages)
    request.onsuccess = () => {
      const connection = request.result
      connection.onversionchange = () => connection.close()
      resolve(connection)
    }
    request.onerror = () => reject(request.error ?? new Error('no database'))
  })
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error('aborted'))
  })
}
