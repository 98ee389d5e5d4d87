/** A log: a file with a line for each push that changed it, and what follows from it in memory. */
import { createHash, randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { commit as readCommit, Invalid } from './commit.js'
import { parse, write } from './json.js'

/** A request that is refused as a whole: problem details. */
export class Refused extends Error {
  constructor(status, type, detail, headers = {}, more = {}) {
    super(detail)
    Object.assign(this, { status, type, headers, more })
  }
}

const digest = (text, length) => createHash('sha256').update(text).digest('hex').slice(0, length)
const cursorOf = (id, last) => `${digest(id, 16)}-${String(last?.end ?? 0).padStart(16, '0')}-${last ? digest(`${last.commit.id} ${last.recordedAt}`, 8) : '00000000'}`
const met = (expected, version) => (expected === 'any' ? true : expected === 'exists' ? version > 0 : expected === 'none' ? version === 0 : version === expected)

export class Log {
  #rules
  #file
  #size
  #id
  /** Confirmed commits in order, each with `end`, the position of its last event. */
  #commits = []
  #byId = new Map()
  #events = new Set()
  #versions = new Map()
  #producers = new Map()
  #waiting = new Set()

  /** `rules`, where there are any, is given a commit and the confirmed ones of its stream, and says why the commit is refused, if it is. */
  constructor(path, rules = () => undefined) {
    this.#rules = rules
    const text = existsSync(path) ? readFileSync(path) : Buffer.alloc(0)
    const whole = text.lastIndexOf(10) + 1 // a line without an end was never acknowledged
    this.#file = openSync(path, 'a')
    this.#size = whole
    if (whole < text.length) ftruncateSync(this.#file, whole)
    for (const line of text.subarray(0, whole).toString().split('\n').slice(0, -1)) this.#take(parse(line))
    if (this.#id === undefined) this.#keep({ logId: randomUUID() })
  }

  close() {
    closeSync(this.#file)
  }

  /** Writes a line to the disk, then lets it count. Nothing else happens meanwhile: a push is judged and written without a pause. */
  #keep(line) {
    const bytes = Buffer.from(`${write(line)}\n`)
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
      fsyncSync(this.#file)
    } catch (error) {
      ftruncateSync(this.#file, this.#size) // the disk is full, say: half a line must not stay
      throw error
    }
    this.#size += bytes.length
    this.#take(line)
  }

  #take({ logId, producer, print, confirmed = [] }) {
    this.#id ??= logId
    if (producer) this.#producers.set(producer.id, { ...producer, print })
    for (const one of confirmed) {
      const { events, id, stream } = one.commit
      this.#commits.push({ ...one, end: one.firstPosition + events.length - 1 })
      this.#byId.set(id, one)
      for (const event of events) this.#events.add(event.id)
      this.#versions.set(stream, one.firstVersion + events.length - 1)
    }
    if (confirmed.length > 0) for (const wake of this.#waiting) wake()
  }

  /** Judges the commits of a push in order. `outlines` holds their ids and generations. */
  push(commits, outlines, cursor, producer) {
    if (cursor !== undefined) this.#find(cursor)
    const print = digest(outlines.map(({ id, generation }) => `${id} ${generation}`).join(), 32)
    const last = producer && this.#producers.get(producer.id)
    const same = last?.epoch === producer?.epoch && last?.sequence === producer?.sequence && last?.print === print
    if (last && !same && (producer.epoch < last.epoch || (producer.epoch === last.epoch && producer.sequence <= last.sequence))) {
      throw new Refused(409, 'fenced', 'another device pushes under this id')
    }
    const confirmed = []
    const here = new Map()
    const versions = new Map()
    const taken = new Set()
    const roots = new Map() // what was refused: streams, commits and events, and by which commit
    let end = this.#commits.at(-1)?.end ?? 0
    const recordedAt = Math.max(Date.now(), (this.#commits.at(-1)?.recordedAt ?? 0) + 1)

    const judge = (json, { id }) => {
      const first = this.#byId.get(id) ?? here.get(id)
      if (first) return { status: 'duplicate', firstVersion: first.firstVersion, firstPosition: first.firstPosition }
      const root = roots.get(id) ?? roots.get(json.stream) ?? roots.get(String(json.metadata?.causationId).toLowerCase())
      const refuse = (by, outcome) => {
        for (const key of [id, json.stream, ...(Array.isArray(json.events) ? json.events.map((event) => String(event?.id).toLowerCase()) : [])]) if (key) roots.set(key, by)
        return outcome
      }
      if (root) return refuse(root, { status: 'blocked', by: root })
      const reject = (type, title, detail, code) => refuse(id, { status: 'rejected', problem: { type: `urn:tidelog:problem:${type}`, title, detail, code } })
      let commit
      try {
        commit = readCommit(json)
      } catch (error) {
        if (!(error instanceof Invalid)) throw error
        return reject('invalid-commit', 'The commit breaks a rule of the protocol', error.message)
      }
      const { stream, events, expectedVersion } = commit
      const twice = events.find((event) => this.#events.has(event.id) || taken.has(event.id))
      if (twice) return reject('duplicate-event', 'An event id is taken', `event ${twice.id} stands in another commit`)
      const version = versions.get(stream) ?? this.#versions.get(stream) ?? 0
      if (!met(expectedVersion, version)) {
        const from = expectedVersion === 'none' ? 0 : expectedVersion
        return refuse(id, { status: 'conflict', expected: expectedVersion, actual: version, missing: this.#missing(stream, from, confirmed) })
      }
      const objection = this.#rules(commit, () => [...this.#commits, ...confirmed].filter((one) => one.commit.stream === stream))
      if (objection) return reject(objection.type, objection.title, objection.detail, objection.code)
      const accepted = { firstVersion: version + 1, firstPosition: end + 1, recordedAt, commit }
      confirmed.push(accepted)
      here.set(id, accepted)
      versions.set(stream, version + events.length)
      for (const event of events) taken.add(event.id)
      end += events.length
      return { status: 'committed', firstVersion: accepted.firstVersion, firstPosition: accepted.firstPosition }
    }

    const outcomes = commits.map((json, index) => ({ ...outlines[index], ...judge(json, outlines[index]) }))
    if (confirmed.length > 0 || (producer && !same)) this.#keep({ producer, print, confirmed })
    return { logId: this.#id, outcomes }
  }

  /** What a stream holds beyond a version: at most 64 events and 256 KiB. */
  #missing(stream, version, confirmed) {
    const missing = []
    let [events, size] = [0, 0]
    for (const { end: _, ...one } of [...this.#commits, ...confirmed]) {
      if (one.commit.stream !== stream || !(one.firstVersion > version)) continue
      events += one.commit.events.length
      size += write(one).length
      if (events > 64 || size > 1 << 18) break
      missing.push(one)
    }
    return missing.length > 0 ? missing : undefined
  }

  /** Where a cursor stands: how many commits are before it. */
  #find(cursor) {
    if (cursor === '' || cursor === cursorOf(this.#id)) return 0
    const [, of, position] = /^([0-9a-f]{16})-(\d{16})-[0-9a-f]{8}$/.exec(cursor) ?? []
    if (of !== digest(this.#id, 16)) throw new Refused(400, 'invalid-cursor', 'it was not made by this log')
    const index = this.#commits.findIndex(({ end }) => end === Number(position))
    if (index < 0 || cursorOf(this.#id, this.#commits[index]) !== cursor) throw new Refused(410, 'history-lost', 'the log does not hold what the cursor has seen')
    return index + 1
  }

  /** The page after a cursor, of the streams that a client follows. */
  page(after, limit, follows) {
    let next = this.#find(after)
    const commits = []
    for (let [events, size] = [0, 0]; next < this.#commits.length; next++) {
      const { end: _, ...one } = this.#commits[next]
      if (!follows(one.commit.stream)) continue
      events += one.commit.events.length
      size += write(one).length
      if (commits.length > 0 && (events > limit || size > 4 << 20)) break
      commits.push(one)
    }
    return { logId: this.#id, commits, cursor: cursorOf(this.#id, this.#commits[next - 1]), upToDate: next === this.#commits.length }
  }

  /** Resolves when there is something new, or after so many seconds. */
  news(seconds) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, seconds * 1_000)
      this.#waiting.add(wake)
    })
  }
}
