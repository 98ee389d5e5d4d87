import { isTidelogError, type Moment, type RowsDifference, type Tidelog } from 'tidelog'
import { learners, progress, type Learner, type Progress } from '../domain'
import { rowsAt, type Rows } from './rows'

/** What became of the rows since. */
export interface Since {
  learners: RowsDifference<Learner>
  progress: RowsDifference<Progress>
}

interface Look {
  tidelog: Tidelog
  /** How many events of the log had happened. */
  at: number
  moment: Moment
}

/**
 * The teacher's rows as they stood at a moment, and what has changed since. The package answers both from the log. While it does, a
 * slider may have moved on: then only the latest moment is asked for next.
 */
export class Lookback {
  /** The rows at the moment; undefined where nobody looks back. */
  rows = $state.raw<Rows | undefined>()
  /** The number of events that `rows` shows. */
  at = $state<number | undefined>()
  /** What has changed since `at`; undefined while it is being found out. */
  since = $state.raw<Since | undefined>()
  #wanted: Look | undefined
  #looking = false

  /** Looks at a moment of a log. */
  look(tidelog: Tidelog, at: number, moment: Moment): void {
    this.#wanted = { tidelog, at, moment }
    if (!this.#looking) void this.#run()
  }

  /** Looks at the present again. */
  leave(): void {
    this.#wanted = undefined
    this.rows = undefined
    this.at = undefined
    this.since = undefined
  }

  async #run(): Promise<void> {
    this.#looking = true
    try {
      let done: Look | undefined
      while (this.#wanted && this.#wanted !== done) {
        done = this.#wanted
        await this.#show(done)
      }
    } finally {
      this.#looking = false
    }
  }

  async #show(look: Look): Promise<void> {
    const { tidelog, at, moment } = look
    try {
      const rows = await rowsAt(tidelog, moment)
      if (!this.#wanted) return
      this.rows = rows
      this.at = at
      this.since = undefined
      // The rest can wait until the slider does.
      if (this.#wanted !== look) return
      const between = { from: moment, limit: 0 }
      const [since, own] = await Promise.all([tidelog.difference(learners, between), tidelog.difference(progress, between)])
      if (this.#wanted === look) this.since = { learners: since, progress: own }
    } catch (error) {
      // A pending event may be rebased away while it is looked at, and a page may be left; the moment goes with it.
      if (!isTidelogError(error, 'unknown-commit') && !isTidelogError(error, 'closed')) throw error
    }
  }
}
