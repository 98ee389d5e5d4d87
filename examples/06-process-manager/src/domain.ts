/** Four small aggregates. None of them knows the others. */
import { aggregate, DomainError } from 'tidelog'

/** A learner's way through a course, `enrolment-<learner>`. */
type EnrolmentCommand =
  | { type: 'Enrol'; data: { course: string; lessons: number } }
  | { type: 'CompleteLesson'; data: { lesson: number } }
  | { type: 'AnnulExam'; data: { reason: string } }
export type EnrolmentEvent =
  | { type: 'Enrolled'; data: { course: string; lessons: number } }
  | { type: 'LessonCompleted'; data: { lesson: number } }
  | { type: 'CourseCompleted'; data: { course: string } }
  | { type: 'ExamAnnulled'; data: { course: string; reason: string } }
interface EnrolmentState {
  readonly course: string
  readonly lessons: number
  readonly done: readonly number[]
}
export const enrolment = aggregate({
  name: 'enrolment',
  initialState: (): EnrolmentState => ({ course: '', lessons: 0, done: [] }),
  decide(command: EnrolmentCommand, { course, lessons, done }: EnrolmentState): EnrolmentEvent[] {
    switch (command.type) {
      case 'Enrol':
        if (lessons > 0) throw new DomainError('already-enrolled', 'You are enrolled already')
        return [{ type: 'Enrolled', data: command.data }]
      case 'CompleteLesson': {
        const { lesson } = command.data
        if (lesson < 1 || lesson > lessons) throw new DomainError('no-such-lesson', `There is no lesson ${lesson}`)
        if (done.includes(lesson)) return []
        const completed: EnrolmentEvent = { type: 'LessonCompleted', data: { lesson } }
        return done.length + 1 === lessons ? [completed, { type: 'CourseCompleted', data: { course } }] : [completed]
      }
      case 'AnnulExam':
        return [{ type: 'ExamAnnulled', data: { course, reason: command.data.reason } }]
    }
  },
  evolve(state: EnrolmentState, event: EnrolmentEvent): EnrolmentState {
    if (event.type === 'Enrolled') return { ...state, ...event.data }
    return event.type === 'LessonCompleted' ? { ...state, done: [...state.done, event.data.lesson] } : state
  },
})

/** A certificate, `certificate-<learner>`: issued once, and revoked once at most. */
type CertificateCommand = { type: 'Issue'; data: { course: string } } | { type: 'Revoke'; data: { reason: string } }
type CertificateEvent = { type: 'CertificateIssued'; data: { course: string } } | { type: 'CertificateRevoked'; data: { reason: string } }
export const certificate = aggregate({
  name: 'certificate',
  initialState: 'none' as 'none' | 'valid' | 'revoked',
  decide(command: CertificateCommand, state: 'none' | 'valid' | 'revoked'): CertificateEvent[] {
    if (command.type === 'Issue') return state === 'none' ? [{ type: 'CertificateIssued', data: command.data }] : []
    return state === 'valid' ? [{ type: 'CertificateRevoked', data: command.data }] : []
  },
  evolve: (_state, event: CertificateEvent) => (event.type === 'CertificateIssued' ? ('valid' as const) : ('revoked' as const)),
})

/** The badges of a learner, `badges-<learner>`. The wall has room for two. */
type BadgeCommand = { type: 'Grant'; data: { badge: string } } | { type: 'Take'; data: { badge: string } }
type BadgeEvent = { type: 'BadgeGranted'; data: { badge: string } } | { type: 'BadgeTaken'; data: { badge: string } }
export const badges = aggregate({
  name: 'badges',
  initialState: [] as readonly string[],
  decide({ type, data }: BadgeCommand, held: readonly string[]): BadgeEvent[] {
    if (type === 'Take') return held.includes(data.badge) ? [{ type: 'BadgeTaken', data }] : []
    if (held.includes(data.badge)) return []
    if (held.length >= 2) throw new DomainError('wall-is-full', 'There is no room for another badge')
    return [{ type: 'BadgeGranted', data }]
  },
  evolve: (held: readonly string[], { type, data }: BadgeEvent): readonly string[] =>
    type === 'BadgeGranted' ? [...held, data.badge] : held.filter((badge) => badge !== data.badge),
})

/** What a learner is told, `letters-<learner>`. Whoever sends mail reads these streams. */
type LetterCommand = { type: 'Write'; data: { text: string } }
type LetterEvent = { type: 'LetterWritten'; data: { text: string } }
export const letters = aggregate({
  name: 'letters',
  initialState: [] as readonly string[],
  decide: ({ data }: LetterCommand): LetterEvent => ({ type: 'LetterWritten', data }),
  evolve: (written, { data }: LetterEvent) => [...written, data.text],
})
