/** What screens show: rows made from events. */
import { projection } from 'tidelog'
import { certificate } from './domain/certificate.js'
import { course } from './domain/course.js'
import { enrolment } from './domain/enrolment.js'
import { exam } from './domain/exam.js'

export interface Progress {
  readonly learner: string
  readonly course: string
  readonly lessons: number
  readonly completed: number
  readonly percent: number
  readonly minutes: number
  /** When something was completed last, in milliseconds since 1970. */
  readonly last: number
  readonly exam: 'none' | 'handed-in' | 'passed' | 'failed' | 'annulled'
  readonly certificate: boolean
}

/** A learner's progress in a course: made from three aggregates, whose instances have the same id. */
export const progress = projection({
  name: 'progress',
  from: [enrolment, exam, certificate],
  indexes: ['course', 'percent'],
  key: ({ stream }) => stream.slice(stream.indexOf('-') + 1),
  initial: (key: string): Progress => {
    const [learner = '', course = ''] = key.split('.')
    return { learner, course, lessons: 0, completed: 0, percent: 0, minutes: 0, last: 0, exam: 'none', certificate: false }
  },
  on: {
    LearnerEnrolled: (row, { data, metadata }) => ({ ...row, lessons: data.lessons.length, last: metadata.occurredAt }),
    LessonCompleted: (row, { data, metadata }) => {
      const completed = row.completed + 1
      return { ...row, completed, percent: Math.round((100 * completed) / row.lessons), minutes: row.minutes + data.minutes, last: metadata.occurredAt }
    },
    LearnerWithdrew: () => null,
    ExamHandedIn: (row): Progress => ({ ...row, exam: 'handed-in' }),
    ExamPassed: (row): Progress => ({ ...row, exam: 'passed' }),
    ExamFailed: (row): Progress => ({ ...row, exam: 'failed' }),
    ExamAnnulled: (row): Progress => ({ ...row, exam: 'annulled' }),
    CertificateIssued: (row) => ({ ...row, certificate: true }),
    CertificateRevoked: (row) => ({ ...row, certificate: false }),
  },
})

/** The catalogue with its figures, current before a command resolves. */
export const catalogue = projection({
  name: 'catalogue',
  kind: 'immediate',
  from: [course, enrolment],
  key: ({ stream }) => (stream.startsWith('course-') ? stream.slice('course-'.length) : stream.slice(stream.lastIndexOf('.') + 1)),
  initial: { title: '', lessons: 0, enrolled: 0, finished: 0 },
  on: {
    CoursePublished: (row, { data }) => ({ ...row, title: data.title, lessons: data.lessons.length }),
    LessonAdded: (row) => ({ ...row, lessons: row.lessons + 1 }),
    LearnerEnrolled: (row) => ({ ...row, enrolled: row.enrolled + 1 }),
    LearnerWithdrew: (row) => ({ ...row, enrolled: row.enrolled - 1 }),
    LessonsFinished: (row) => ({ ...row, finished: row.finished + 1 }),
  },
})
