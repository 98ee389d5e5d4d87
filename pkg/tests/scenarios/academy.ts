/** Certificates, badges and reminders: what a process leads to, and the process; `tests/support/academy.rs` is the same in Rust. */
import { aggregate, DomainError, processManager, reaction } from '../../src/index.js'

export const day = 86_400_000

export type WayEvent = { type: 'LessonDone' } | { type: 'CourseCompleted' } | { type: 'ExamAnnulled' } | { type: 'CourseLeft' }
const happens = { Lesson: 'LessonDone', Complete: 'CourseCompleted', Annul: 'ExamAnnulled', Leave: 'CourseLeft' } as const

/** A learner's way: lessons, the end of the course, an exam that is annulled afterwards. */
export const way = aggregate({
  name: 'way',
  initialState: null,
  decide: (command: { type: keyof typeof happens }): WayEvent => ({ type: happens[command.type] }),
  evolve: (state, _: WayEvent) => state,
})

type ThingEvent = { type: 'Given' | 'TakenBack' | 'Locked' | 'Unlocked' }

/** A thing that is done and taken back, never twice in a row; it can be locked, and then refuses both. */
const thing = (name: string) =>
  aggregate({
    name,
    initialState: { given: false, locked: false },
    decide({ type }: { type: 'Give' | 'TakeBack' | 'Ensure' | 'Lock' | 'Unlock' }, { given, locked }): ThingEvent[] {
      if (type === 'Lock') return [{ type: 'Locked' }]
      if (type === 'Unlock') return [{ type: 'Unlocked' }]
      if (type === 'Ensure' && given) return []
      if (locked) throw new DomainError('locked', 'it is locked')
      if (type !== 'TakeBack' && given) throw new DomainError('given-already', 'it has been given already')
      if (type === 'TakeBack' && !given) throw new DomainError('nothing-to-take-back', 'there is nothing to take back')
      return [{ type: type === 'TakeBack' ? 'TakenBack' : 'Given' }]
    },
    evolve: (state, { type }: ThingEvent) => (type === 'Locked' || type === 'Unlocked' ? { ...state, locked: type === 'Locked' } : { ...state, given: type === 'Given' }),
  })

export const certificate = thing('certificate')
export const badge = thing('badge')

/** Reminders: whoever sends one twice sends two. */
export const inbox = aggregate({
  name: 'inbox',
  initialState: null,
  decide: (_: { type: 'Remind' }): { type: 'Reminded' } => ({ type: 'Reminded' }),
  evolve: (state, _: { type: 'Reminded' }) => state,
})

/** Course completed: certificate, then badge. Seven days without progress: a reminder. Exam annulled: all of it is taken back. */
export const certification = processManager({
  name: 'certification',
  types: ['LessonDone', 'CourseCompleted', 'ExamAnnulled', 'CourseLeft'],
  initialState: { lessons: 0 },
  correlate({ type, stream }: WayEvent & { stream: string }) {
    const learner = stream.slice('way-'.length)
    if (type === 'CourseLeft') return { stop: learner }
    return type === 'ExamAnnulled' ? { continue: learner } : { start: learner }
  },
  evolve: ({ lessons }, { type }) => ({ lessons: lessons + (type === 'LessonDone' ? 1 : 0) }),
  react(_, { type }, { instance }) {
    const give = (to: typeof certificate) => reaction.send(to, instance, { type: 'Give' }, { compensate: { type: 'TakeBack' } })
    switch (type) {
      case 'LessonDone':
        return reaction.after('idle', 7 * day)
      case 'CourseCompleted':
        return [reaction.cancel('idle'), give(certificate), give(badge)]
      case 'ExamAnnulled':
        return reaction.compensate('the exam was annulled')
      case 'CourseLeft':
        return []
    }
  },
  onTimeout: (_, name, { instance }) => [reaction.send(inbox, instance, { type: 'Remind' }), reaction.after(name, 7 * day)],
})
