/** IndexedDB without the package, for tests that look at what it wrote or break it. */

export const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/** The name of the database of a log: the one whose name ends with that of the log. */
export async function databaseOf(name) {
  const databases = await indexedDB.databases()
  return databases.find((database) => database.name.endsWith(name))?.name
}

/** Opens a database at a version, or as it is, runs something, and closes it. */
export async function withDatabase(name, run, version) {
  const request = indexedDB.open(name, version)
  const database = await done(request)
  try {
    return await run(database)
  } finally {
    database.close()
  }
}

/** The keys of a table. */
export const keys = (name, table) => withDatabase(name, (database) => done(database.transaction(table).objectStore(table).getAllKeys()))

/** Every row of every table, as text that can be compared. */
export const dump = (name) =>
  withDatabase(name, async (database) => {
    const tables = [...database.objectStoreNames]
    const transaction = database.transaction(tables)
    const rows = await Promise.all(
      tables.map(async (table) => {
        const store = transaction.objectStore(table)
        const [keys, values] = await Promise.all([done(store.getAllKeys()), done(store.getAll())])
        return keys.map((key, index) => `${table} ${key} ${Array.from(new Uint8Array(values[index].buffer ?? values[index])).join()}`)
      }),
    )
    return { version: database.version, rows: rows.flat() }
  })

/** Flips one bit in a row: the one in the middle of the byte at this share of its length. */
export const flipBit = (name, table, key, share) =>
  withDatabase(name, async (database) => {
    const store = database.transaction(table, 'readwrite').objectStore(table)
    const row = await done(store.get(key))
    row[Math.min(row.length - 1, Math.floor(row.length * share))] ^= 0b0001_0000
    await done(store.put(row, key))
    return row.length
  })

/** Makes a database of a version that is to come. */
export const makeNewer = (name, version) => withDatabase(name, () => {}, version)
