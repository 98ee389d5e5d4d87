import {
  open,
  isTidelogError,
  type QueuedCommit,
  type Reason,
  type Receipt,
  type RejectedCommit,
  type SyncStatus,
  type Tidelog,
} from 'tidelog'
import { COURSE } from '../course/lessons'
import {
  assessments,
  course,
  enrolment,
  exam,
  learners,
  progress,
  tally,
  type CourseEvent,
  type CourseState,
  type ExamEvent,
  type ExamState,
  type Tally,
} from '../domain'
import { until } from '../until'
import { Connection } from './connection'
import { standing, type Standing } from './standing'
import { commandWords, obstacle, outcomeWords, reasonWords, type Command } from './words'

export type DeviceKey = 'phone' | 'tablet'

/** Something that was done on a device, and what became of it. */
export interface Happening {
  /** The commit. */
  id: string
  what: string
  status: 'waiting' | 'confirmed' | 'rebased' | 'duplicate' | 'absorbed' | 'rejected'
  words: string
}

/** Where the page syncs to, as `/config.json` says. */
export interface Server {
  url: string
  token: string
}

/** One device of the page: a database of its own, a switch for its network, and what its learner sees. */
export class Device {
  readonly key: DeviceKey
  readonly name: string
  readonly tidelog: Tidelog
  /** Who uses it. */
  learner = $state('')
  online = $state(true)
  sync = $state.raw<SyncStatus | undefined>()
  queue = $state.raw<readonly QueuedCommit[]>([])
  rejected = $state.raw<readonly RejectedCommit[]>([])
  counts = $state.raw<Tally>({})
  course = $state.raw<CourseState>(course.initialState())
  exam = $state.raw<ExamState>(exam.initialState())
  /** Latest first. */
  happenings = $state.raw<readonly Happening[]>([])
  /** The latest outcome in one sentence, for a screen reader. */
  announcement = $state('')
  /** What the device itself refused at once, until the next thing is done. */
  refusal = $state('')
  readonly standing: Standing = $derived.by(() =>
    standing(this.course, this.exam, this.queue, { course: `course-${this.id}`, exam: `exam-${this.id}` }),
  )
  readonly statusWords: string = $derived(words(this.sync, this.online))
  /** What the browser says against keeping the records; empty if nothing. */
  storageWords = $state('')
  readonly #connection: Connection
  readonly #nameOf: (deviceId: string) => string | undefined
  #reasons = $state.raw<Readonly<Record<string, string>>>({})
  #unobserve: (() => void)[] = []

  /** Opens the device's database. Without a server it keeps its records to itself. */
  static async open(
    key: DeviceKey,
    name: string,
    server: Server | undefined,
    nameOf: (deviceId: string) => string | undefined,
  ): Promise<Device> {
    const connection = new Connection(key)
    const tidelog = await open({
      name: `academy-${key}`,
      aggregates: [course, exam, enrolment],
      projections: [progress, learners, assessments, tally],
      environment: { online: connection, fetch: connection.fetch },
      ...(server ? { sync: { url: server.url, token: server.token, pollInterval: 1_000 } } : {}),
    })
    return new Device(key, name, tidelog, connection, nameOf)
  }

  private constructor(
    key: DeviceKey,
    name: string,
    tidelog: Tidelog,
    connection: Connection,
    nameOf: (deviceId: string) => string | undefined,
  ) {
    this.key = key
    this.name = name
    this.tidelog = tidelog
    this.#connection = connection
    this.#nameOf = nameOf
    this.online = connection.get()
    connection.subscribe((online) => (this.online = online))
    tidelog.sync.subscribe((status) => (this.sync = status))
    tidelog.storage.subscribe(({ kind }) => {
      this.storageWords =
        kind === 'memory'
          ? 'This browser keeps nothing here (a private window?): what the server does not have ends with the page.'
          : ''
    })
    tidelog.view(tally, 'all').subscribe((row) => (this.counts = row ?? {}))
    tidelog.queue.subscribe((queue = []) => {
      this.queue = queue
      for (const { stream, commitId, command } of queue) this.#follow(stream, commitId, command as Command | undefined)
    })
    tidelog.rejected.subscribe((rejected = []) => {
      this.rejected = rejected
      for (const commit of rejected) if (commit.command) void this.#explain(commit)
    })
  }

  /** The id of the learner's course and exam. */
  get id(): string {
    return `${COURSE}-${this.learner}`
  }

  /** How many confirmed events the device holds. */
  get confirmed(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0) - (this.sync?.pending.events ?? 0)
  }

  /** Hands the device to a learner. */
  handTo(learner: string): void {
    for (const stop of this.#unobserve) stop()
    this.learner = learner
    this.course = course.initialState()
    this.exam = exam.initialState()
    this.#unobserve = [
      this.tidelog.observe(course, this.id).subscribe((loaded) => {
        if (loaded) this.course = loaded.state
      }),
      this.tidelog.observe(exam, this.id).subscribe((loaded) => {
        if (loaded) this.exam = loaded.state
      }),
    ]
  }

  setOnline(online: boolean): void {
    this.#connection.set(online)
  }

  completeLesson(lesson: string): Promise<void> {
    const command: Command = { type: 'CompleteLesson', data: { lesson } }
    return this.#do(command, () => this.tidelog.execute(course, this.id, command, { actor: this.learner }))
  }

  answer(question: string, choice: string): Promise<void> {
    const command: Command = { type: 'AnswerQuestion', data: { question, choice } }
    return this.#do(command, () => this.tidelog.execute(exam, this.id, command, { actor: this.learner }))
  }

  handIn(): Promise<void> {
    const command: Command = { type: 'HandIn', data: {} }
    return this.#do(command, () => this.tidelog.execute(exam, this.id, command, { actor: this.learner }))
  }

  /** Decides a rejected command again, on how things are now. */
  retry(rejected: RejectedCommit): Promise<void> {
    return this.#do(rejected.command as Command | undefined, () => this.tidelog.rejected.retry(rejected.commitId))
  }

  /** Lets go of a rejected command. */
  async discard(rejected: RejectedCommit): Promise<void> {
    await this.tidelog.rejected.discard(rejected.commitId)
    this.announcement = `${this.name}: let go of “${commandWords(rejected.command as Command | undefined)}”.`
  }

  /** Lets go of imported records that were not accepted: someone else had imported them first. */
  async discardRecords(): Promise<void> {
    for (const { commitId, command } of this.rejected) if (!command) await this.tidelog.rejected.discard(commitId)
  }

  /** Why a commit was not accepted, in the learner's words. */
  explain(rejected: RejectedCommit): string {
    return this.#reasons[rejected.commitId] ?? reasonWords(rejected.reason, 'Another device')
  }

  /** Resolves once nothing waits for the server any more, or the network is switched off. */
  settled(): Promise<void> {
    return until(this.tidelog.sync, ({ pending, online }) => !online || pending.commits === 0)
  }

  async #do(command: Command | undefined, run: () => Promise<Receipt>): Promise<void> {
    this.refusal = ''
    try {
      const { stream, commitId, events } = await run()
      if (events.length > 0) this.#follow(stream, commitId, command)
    } catch (error) {
      if (isTidelogError(error, 'refused')) {
        const { detail } = error.details
        const reason: Reason = { code: 'domain', message: error.message, ...(detail === undefined ? {} : { detail }) }
        const elsewhere = await this.#elsewhere(streamOf(command, this.id), '', command)
        this.refusal = `${commandWords(command)}: not accepted. ${reasonWords(reason, elsewhere)}`
      } else {
        // Nothing was written; the learner should know, and so should whoever looks into it.
        console.error(error)
        this.refusal = `${commandWords(command)}: it could not be kept on this device. ${error instanceof Error ? error.message : ''}`
      }
      this.announcement = `${this.name}: ${this.refusal}`
    }
  }

  /** Waits for what becomes of a commit, once per commit, and tells it. Imported records are too many to be told one by one. */
  #follow(stream: string, commitId: string, command: Command | undefined): void {
    if (!command || this.happenings.some(({ id }) => id === commitId)) return
    const happening: Happening = { id: commitId, what: commandWords(command), status: 'waiting', words: 'Waiting for the server.' }
    this.happenings = [happening, ...this.happenings]
    this.tidelog.outcome(stream, commitId).then(
      async (outcome) => {
        const settled = outcomeWords(outcome, command, await this.#elsewhere(stream, commitId, command))
        const told: Happening = { ...happening, status: outcome.status, words: settled }
        this.happenings = this.happenings.map((one) => (one.id === commitId ? told : one))
        this.announcement = `${this.name}: ${told.what}. ${settled}`
      },
      (error: unknown) => {
        // The log was closed first; the commit stays in the queue and is told after the next opening.
        if (!isTidelogError(error, 'closed')) throw error
      },
    )
  }

  async #explain(rejected: RejectedCommit): Promise<void> {
    if (rejected.commitId in this.#reasons) return
    const { stream, commitId, command } = rejected
    const elsewhere = await this.#elsewhere(stream, commitId, command as Command | undefined)
    this.#reasons = { ...this.#reasons, [rejected.commitId]: reasonWords(rejected.reason, elsewhere) }
  }

  /** Where the stream of a commit had moved first: `Your tablet`. */
  async #elsewhere(stream: string, commitId: string, command: Command | undefined): Promise<string> {
    const events = await this.tidelog.read<CourseEvent | ExamEvent>({ stream, confirmedOnly: true }).toArray()
    const cause = obstacle(commitId, command, events, this.tidelog.deviceId)
    const deviceId = cause?.metadata.deviceId
    if (deviceId === undefined) return 'Another device'
    if (deviceId === this.tidelog.deviceId) return `This ${this.key}`
    const device = this.#nameOf(deviceId)
    return device ? `Your ${device.toLowerCase()}` : 'Another device'
  }
}

const streamOf = (command: Command | undefined, id: string): string =>
  `${command?.type === 'CompleteLesson' ? course.name : exam.name}-${id}`

function words(sync: SyncStatus | undefined, online: boolean): string {
  if (!sync || sync.state === 'off') return 'Without a server: records stay on this device.'
  const waiting = sync.pending.commits
  const kept = waiting > 0 ? ` ${waiting.toLocaleString('en')} kept here until then.` : ''
  if (!online) return `Offline: nothing goes out.${kept}`
  switch (sync.state) {
    case 'pushing':
      return 'Online: sending.'
    case 'pulling':
      // Looking for news every second is not worth a word; the first time is.
      return sync.lastSyncedAt === undefined ? 'Online: fetching.' : 'Online: up to date with the server.'
    case 'waiting':
      return `The server does not answer; trying again soon.${kept}`
    case 'unauthorized':
      return 'The server does not accept this page’s token.'
    case 'paused':
      return `Paused.${kept}`
    case 'starting':
      return 'Connecting.'
    default:
      return waiting > 0 ? `Online: ${waiting.toLocaleString('en')} on the way.` : 'Online: up to date with the server.'
  }
}
