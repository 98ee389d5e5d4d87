/** The domain of the scenarios; `tests/scenarios/domain.rs` is the same in Rust. */
import { aggregate, DomainError, projection, upcaster, type AnyAggregate, type AnyProcess, type AnyProjection, type Upcaster } from '../../src/index.js'
import * as academy from './academy.js'
import { note } from './note.js'
import type { Domain } from './script.js'

/** Which release of the app it is. The second one makes its snapshots and its rows anew. */
export type Edition = 1 | 2

type CourseCommand = { type: 'CompleteLesson' | 'EnsureLesson'; data: { lesson: string } }
type CourseEvent = { type: 'LessonCompleted'; data: { lesson: string } } | { type: 'CourseLeft' }

const courseOf = (edition: Edition) =>
  aggregate({
    name: 'course',
    schemaVersion: edition,
    events: ['LessonCompleted', 'CourseLeft'],
    initialState: () => ({ lessons: [] as readonly string[] }),
    decide({ type, data: { lesson } }: CourseCommand, state): CourseEvent[] {
      if (!state.lessons.includes(lesson)) return [{ type: 'LessonCompleted', data: { lesson } }]
      if (type === 'EnsureLesson') return []
      throw new DomainError('lesson-already-completed', `lesson ${lesson} is completed already`)
    },
    evolve: (state, event: CourseEvent) => ({ lessons: event.type === 'CourseLeft' ? [] : [...state.lessons, event.data.lesson] }),
  })

type Answers = Readonly<Record<string, string>>
type ExamCommand = { type: 'Answer'; data: { question: number; answer: string } } | { type: 'HandIn' }
type ExamEvent = { type: 'Answered'; data: { question: number; answer: string } } | { type: 'HandedIn'; data: { answers: Answers } }

export const exam = aggregate({
  name: 'exam',
  events: ['Answered', 'HandedIn'],
  initialState: (): { answers: Answers; handedIn: boolean } => ({ answers: {}, handedIn: false }),
  decide(command: ExamCommand, sheet): ExamEvent {
    if (sheet.handedIn) throw new DomainError('exam-handed-in', 'the exam has been handed in')
    if (command.type === 'HandIn') return { type: 'HandedIn', data: { answers: sheet.answers } }
    return { type: 'Answered', data: command.data }
  },
  evolve(sheet, event: ExamEvent) {
    if (event.type === 'HandedIn') return { answers: event.data.answers, handedIn: true }
    return { ...sheet, answers: { ...sheet.answers, [event.data.question]: event.data.answer } }
  },
  policies: { HandIn: 'keep' },
})

interface Done {
  readonly done: number
  readonly last: string
  readonly first?: string
}
const nothingDone: Done = { done: 0, last: '' }

/** A row for each course: how many lessons are done, which one was last, and in the second edition which one was first. */
const progressOf = (edition: Edition) =>
  projection({
    name: 'progress',
    version: edition,
    from: [courseOf(edition)],
    indexes: ['done'],
    initial: nothingDone,
    key: (event) => event.stream.slice('course-'.length),
    on: {
      LessonCompleted: ({ done, first }, { data: { lesson } }) => ({ done: done + 1, last: lesson, ...(edition > 1 && { first: first ?? lesson }) }),
      CourseLeft: () => null,
    },
  })

/** Events were once named `LessonDone { unit }`. */
export const lessonDone = upcaster({
  type: 'LessonDone',
  from: 1,
  into: { type: 'LessonCompleted', schemaVersion: 2 },
  upcast({ data }) {
    const { unit } = data as { unit?: string }
    if (unit === undefined) throw new Error('missing field `unit`')
    return { data: { lesson: unit } }
  },
})

export const course = courseOf(1)
export const progress = progressOf(1)

/** The rules that a device has, by name. */
export interface Parts {
  readonly aggregates: Readonly<Record<string, AnyAggregate>>
  readonly projections: Readonly<Record<string, AnyProjection>>
  readonly processes: Readonly<Record<string, AnyProcess>>
  readonly upcasters: readonly Upcaster[]
}

const editions: Readonly<Record<Edition, Parts>> = {
  1: { aggregates: { course, exam, note }, projections: { progress }, processes: {}, upcasters: [lessonDone] },
  2: { aggregates: { course: courseOf(2), exam, note }, projections: { progress: progressOf(2) }, processes: {}, upcasters: [lessonDone] },
}
const { way, certificate, badge, inbox, certification } = academy
const processes: Parts = { aggregates: { way, certificate, badge, inbox }, projections: {}, processes: { certification }, upcasters: [] }

/** The rules of a domain. */
export const partsOf = (domain: Domain, edition: Edition): Parts => (domain === 'academy' ? processes : editions[edition])
