import { mark } from '../course/paper'
import type { CourseEvent, CourseState, ExamEvent, ExamState } from '../domain'
import type { QueuedCommit } from 'tidelog'

/** Whether the server has it, or only this device. */
export type Certainty = 'confirmed' | 'pending'

/** Where the learner stands on one device: what is done, and how certain that is. */
export interface Standing {
  /** The completed lessons. */
  lessons: ReadonlyMap<string, Certainty>
  exam: {
    /** Undefined until it is handed in. */
    handedIn: Certainty | undefined
    answered: number
    /** Of 100. */
    points: number
    /** The questions whose present answer only this device has. */
    pendingAnswers: ReadonlySet<string>
    laterHandIns: number
  }
}

/** The state says what is done, the queue what of it still waits for the server. */
export function standing(
  course: CourseState,
  exam: ExamState,
  queue: readonly QueuedCommit[],
  streams: { course: string; exam: string },
): Standing {
  const waiting = (stream: string): readonly (CourseEvent | ExamEvent)[] =>
    queue.filter((commit) => commit.stream === stream).flatMap((commit) => commit.events as readonly (CourseEvent | ExamEvent)[])
  const lessons = new Set(waiting(streams.course).flatMap((event) => (event.type === 'LessonCompleted' ? event.data.lesson : [])))
  const papers = waiting(streams.exam)
  const pendingAnswers = papers.flatMap((event) => (event.type === 'QuestionAnswered' ? event.data.question : []))
  const handInWaits = papers.some(({ type }) => type === 'ExamHandedIn')
  return {
    lessons: new Map(course.completed.map((lesson) => [lesson, lessons.has(lesson) ? 'pending' : 'confirmed'])),
    exam: {
      handedIn: !exam.handedIn ? undefined : handInWaits && exam.laterHandIns === 0 ? 'pending' : 'confirmed',
      answered: Object.keys(exam.answers).length,
      points: mark(exam.answers),
      pendingAnswers: new Set(pendingAnswers),
      laterHandIns: exam.laterHandIns,
    },
  }
}
