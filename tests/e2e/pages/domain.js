/** The course domain of the tests: rules as real apps have them. The native tests play with the same in tests/support. */
import { aggregate, DomainError, processManager, projection, reaction } from 'tidelog'

/** A learner's way through lessons. */
export const course = aggregate({
  name: 'course',
  initialState: () => ({ completed: [] }),
  decide({ type, data: { lesson, steps = [] } }, { completed }) {
    if (type !== 'CompleteLesson') throw new TypeError(`course knows no command ${type}`)
    if (completed.includes(lesson)) throw new DomainError('lesson-already-completed', `lesson ${lesson} is completed already`)
    // Several events of one command: they stay together whatever happens.
    return [...steps.map((step) => ({ type: 'StepTaken', data: { lesson, step } })), { type: 'LessonCompleted', data: { lesson } }]
  },
  // Not a set on purpose: a lesson that is counted twice shows.
  evolve: (state, { type, data }) => (type === 'LessonCompleted' ? { completed: [...state.completed, data.lesson] } : state),
})

/** An exam: answers until it is handed in, which is binding. */
export const exam = aggregate({
  name: 'exam',
  initialState: () => ({ answers: {}, handedIn: 0 }),
  decide({ type, data }, { answers, handedIn }) {
    if (handedIn > 0) throw new DomainError('exam-handed-in', 'the exam has been handed in')
    switch (type) {
      case 'Answer':
        return { type: 'Answered', data }
      case 'HandIn':
        return { type: 'ExamHandedIn', data: { answers } }
      default:
        throw new TypeError(`exam knows no command ${type}`)
    }
  },
  evolve(state, { type, data }) {
    // What was handed in counts, whatever was answered elsewhere before.
    if (type === 'ExamHandedIn') return { answers: data.answers, handedIn: state.handedIn + 1 }
    return { ...state, answers: { ...state.answers, [data.question]: data.answer } }
  },
  policies: { HandIn: 'keep' },
})

/** Lessons completed per course stream. */
export const progress = projection({
  name: 'progress',
  from: [course],
  initial: () => ({ lessons: [] }),
  key: ({ stream }) => stream,
  on: { LessonCompleted: ({ lessons }, { data }) => ({ lessons: [...lessons, data.lesson] }) },
})

/** Marks set on streams without a decision, counted per stream. */
export const marks = projection({
  name: 'marks',
  initial: () => ({ count: 0, sum: 0 }),
  key: ({ stream }) => stream,
  on: { Marked: ({ count, sum }, { data }) => ({ count: count + 1, sum: sum + data.number }) },
})

/** What a person has: given once, taken back once. */
const thing = (name) =>
  aggregate({
    name,
    initialState: () => ({ given: false }),
    decide({ type }, { given }) {
      if (given === (type === 'Give')) throw new DomainError('so-already', `the ${name} is so already`)
      return { type: type === 'Give' ? 'Given' : 'TakenBack' }
    },
    evolve: (_, { type }) => ({ given: type === 'Given' }),
  })
export const certificate = thing('certificate')
export const badge = thing('badge')

/** Reminders: whoever sends one twice sends two. */
export const inbox = aggregate({ name: 'inbox', initialState: 0, decide: () => ({ type: 'Reminded' }), evolve: (count) => count + 1 })

/** The lesson `last` leads to a certificate and a badge, any other to a reminder a moment later. */
export const certification = processManager({
  name: 'certification',
  types: ['LessonCompleted'],
  initialState: 0,
  correlate: ({ stream }) => ({ start: stream.slice('course-'.length) }),
  react(_, { data: { lesson } }, { instance }) {
    if (lesson !== 'last') return reaction.after('idle', 500)
    const give = (to) => reaction.send(to, instance, { type: 'Give' }, { compensate: { type: 'TakeBack' } })
    return [reaction.cancel('idle'), give(certificate), give(badge)]
  },
  onTimeout: (_, name, { instance }) => reaction.send(inbox, instance, { type: 'Remind' }),
})
