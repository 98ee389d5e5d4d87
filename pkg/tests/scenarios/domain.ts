/** The domain of the scenarios; `tests/scenarios/domain.rs` is the same in Rust. */
import { aggregate, DomainError, projection, upcaster, type AnyAggregate, type AnyProcess, type AnyProjection } from '../../src/index.js'
import * as academy from './academy.js'

type CourseCommand = { type: 'CompleteLesson' | 'EnsureLesson'; data: { lesson: string } }
type CourseEvent = { type: 'LessonCompleted'; data: { lesson: string } } | { type: 'CourseLeft' }

export const course = aggregate({
  name: 'course',
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

/** A row for each course: how many lessons are done, and which one was last. */
export const progress = projection({
  name: 'progress',
  from: [course],
  initial: { done: 0, last: '' },
  key: (event) => event.stream.slice('course-'.length),
  on: {
    LessonCompleted: (row, { data }) => ({ done: row.done + 1, last: data.lesson }),
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

export const aggregates: Readonly<Record<string, AnyAggregate>> = { course, exam, way: academy.way, certificate: academy.certificate, badge: academy.badge, inbox: academy.inbox }
export const projections: Readonly<Record<string, AnyProjection>> = { progress }
export const processes: Readonly<Record<string, AnyProcess>> = { certification: academy.certification }
export const upcasters = [lessonDone]
