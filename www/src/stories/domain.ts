/** What the stories are about: five small aggregates, each with another way to go on when two devices met. Pure. */
import { aggregate, DomainError } from 'tidelog'

type Done = { type: 'LessonDone'; data: { lesson: string } }

/** Done is done: whoever says it second has nothing to add. */
export const lesson = aggregate({
  name: 'lesson',
  initialState: { done: [] as readonly string[] },
  decide: ({ data }: { type: 'FinishLesson'; data: { lesson: string } }, { done }): Done[] =>
    done.includes(data.lesson) ? [] : [{ type: 'LessonDone', data }],
  evolve: ({ done }, { data }: Done) => ({ done: [...done, data.lesson] }),
})

type PaperIn = { type: 'PaperHandedIn'; data: { answer: string } }

/** What was handed in stays handed in; of two papers the first one counts. */
export const paper = aggregate({
  name: 'paper',
  initialState: { counts: null as string | null, later: 0 },
  decide(command: { type: 'HandInPaper'; data: { answer: string } }, { counts }): PaperIn {
    if (counts !== null) throw new DomainError('handed-in', 'this exam is handed in already')
    return { type: 'PaperHandedIn', data: command.data }
  },
  evolve: ({ counts, later }, { data }: PaperIn) => (counts === null ? { counts: data.answer, later } : { counts, later: later + 1 }),
  policies: { HandInPaper: 'keep' },
})

type Joined = { type: 'GroupJoined'; data: { who: string } }

/** A study group with one seat left. */
export const group = aggregate({
  name: 'group',
  initialState: { members: [] as readonly string[] },
  decide(command: { type: 'JoinGroup'; data: { who: string } }, { members }): Joined {
    if (members.length >= 1) throw new DomainError('full', 'the last seat is taken')
    return { type: 'GroupJoined', data: command.data }
  },
  evolve: ({ members }, { data }: Joined) => ({ members: [...members, data.who] }),
})

type NoteWritten = { type: 'NoteWritten'; data: { text: string } }

/** Notes on a lesson: what two devices wrote stands below each other. */
export const note = aggregate({
  name: 'note',
  initialState: { text: '' },
  decide: ({ data }: { type: 'WriteNote'; data: { text: string } }): NoteWritten => ({ type: 'NoteWritten', data }),
  evolve: (_, { data }: NoteWritten) => ({ text: data.text }),
  policies: {
    WriteNote(base, theirs, mine) {
      if (theirs.state.text === base.state.text) return 'keep'
      return { type: 'NoteWritten', data: { text: `${theirs.state.text}\n${mine.state.text}` } }
    },
  },
})

type SheetSigned = { type: 'SheetSigned'; data: { answer: string } }

/** The answer sheet that counts is the one signed last; whether a second one shall be signed is for the learner to say. */
export const sheet = aggregate({
  name: 'sheet',
  initialState: { counts: null as string | null },
  decide: ({ data }: { type: 'SignSheet'; data: { answer: string } }): SheetSigned => ({ type: 'SheetSigned', data }),
  evolve: (_, { data }: SheetSigned) => ({ counts: data.answer }),
  policies: { SignSheet: 'ask' },
})
