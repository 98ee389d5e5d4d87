import type { RecordedEvent } from 'tidelog'
import { assessments, foldRows, learners, progress, type AssessmentResult, type Learner, type Progress } from '../domain'

/** What the teacher sees after so many events of the log. */
export interface Rows {
  learners: ReadonlyMap<string, Learner>
  assessments: ReadonlyMap<string, AssessmentResult>
  progress: ReadonlyMap<string, Progress>
}

/** Events between two marks that are kept, so that a slider need not begin at the start of the log each time. */
const STRIDE = 256

/**
 * The rows at any moment of a log, by reading it up to there. Marks are kept on the way; they hold as long as the events before
 * them do, and confirmed events hold for ever.
 */
export class Past {
  #events: readonly RecordedEvent[] = []
  #marks: Rows[] = [empty()]

  /** The log as it is now; keeps the marks that still hold. */
  follow(events: readonly RecordedEvent[]): void {
    const length = Math.min(events.length, this.#events.length)
    let same = 0
    while (same < length && events[same] === this.#events[same]) same += 1
    this.#marks = this.#marks.slice(0, Math.floor(same / STRIDE) + 1)
    this.#events = events
  }

  /** The rows after the first `count` events. */
  at(count: number): Rows {
    const mark = Math.floor(Math.min(count, this.#events.length) / STRIDE)
    while (this.#marks.length <= mark) {
      const last = this.#marks.length - 1
      this.#marks.push(onto(this.#marks[last] ?? empty(), this.#events.slice(last * STRIDE, (last + 1) * STRIDE)))
    }
    return onto(this.#marks[mark] ?? empty(), this.#events.slice(mark * STRIDE, count))
  }
}

const empty = (): Rows => ({ learners: new Map(), assessments: new Map(), progress: new Map() })

function onto(rows: Rows, events: readonly RecordedEvent[]): Rows {
  return {
    learners: foldRows(learners, events, new Map(rows.learners)),
    assessments: foldRows(assessments, events, new Map(rows.assessments)),
    progress: foldRows(progress, events, new Map(rows.progress)),
  }
}
