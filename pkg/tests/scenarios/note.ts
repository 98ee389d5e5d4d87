/**
 * The domain's notes: lines that two devices may both change, and a signature that a person is asked about; `tests/scenarios/note.rs` is the
 * same in Rust.
 */
import { aggregate, DomainError } from '../../src/index.js'

interface Page {
  readonly lines: Readonly<Record<string, string>>
  readonly signedBy: string | null
}
type Write = { type: 'Write'; data: { line: number; text: string } }
type NoteCommand = Write | { type: 'Sign'; data: { who: string } } | { type: 'Count' }
type NoteEvent = { type: 'Written'; data: { line: number; text: string } } | { type: 'Signed'; data: { who: string } } | { type: 'Counted'; data: { arrived: number } }

export const note = aggregate({
  name: 'note',
  events: ['Written', 'Signed', 'Counted'],
  initialState: (): Page => ({ lines: {}, signedBy: null }),
  decide(command: NoteCommand, page, { arrived }): NoteEvent {
    if (command.type === 'Count') return { type: 'Counted', data: { arrived: arrived.length } }
    if (command.type === 'Write') return { type: 'Written', data: command.data }
    if (page.signedBy !== null) throw new DomainError('signed', 'it is signed already')
    return { type: 'Signed', data: command.data }
  },
  evolve(page, event: NoteEvent) {
    if (event.type === 'Written') return { ...page, lines: { ...page.lines, [event.data.line]: event.data.text } }
    return event.type === 'Signed' ? { ...page, signedBy: event.data.who } : page
  },
  policies: {
    Sign: 'ask',
    Write(base, theirs, { command }) {
      const { line, text } = command.data
      const there = theirs.state.lines[line]
      if (there === base.state.lines[line]) return 'keep'
      if (there === text) return []
      if (there === undefined || text === '!') throw new DomainError('same-line', `both changed line ${line}`)
      return { type: 'Written', data: { line, text: `${there} / ${text}` } }
    },
  },
})
