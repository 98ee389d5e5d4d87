/** The learner, with a command for each intention that used to be an UPDATE. */
import { aggregate, DomainError } from 'tidelog'

export type LearnerCommand =
  | { type: 'Rename'; data: { name: string; because: 'typo' | 'marriage' | 'wish' } }
  | { type: 'ChangeEmail'; data: { email: string } }
  | { type: 'Suspend'; data: { reason: string } }
  | { type: 'Readmit' }

/** `LearnerImported` says no more than the row did: how it stood on the day of the move, and nothing of why. */
export type LearnerEvent =
  | { type: 'LearnerImported'; data: { name: string; email: string; active: boolean } }
  | { type: 'LearnerRenamed'; data: { name: string; because: string } }
  | { type: 'EmailChanged'; data: { email: string } }
  | { type: 'LearnerSuspended'; data: { reason: string } }
  | { type: 'LearnerReadmitted' }

export interface LearnerState {
  readonly known: boolean
  readonly name: string
  readonly email: string
  readonly active: boolean
}

export const learner = aggregate({
  name: 'learner',
  initialState: (): LearnerState => ({ known: false, name: '', email: '', active: false }),

  decide(command: LearnerCommand, state: LearnerState): LearnerEvent | LearnerEvent[] {
    if (!state.known) throw new DomainError('unknown-learner', 'There is no such learner')
    switch (command.type) {
      case 'Rename':
        return command.data.name === state.name ? [] : { type: 'LearnerRenamed', data: command.data }
      case 'ChangeEmail':
        if (!command.data.email.includes('@')) throw new DomainError('no-address', `${command.data.email} is no address`)
        return command.data.email === state.email ? [] : { type: 'EmailChanged', data: command.data }
      case 'Suspend':
        return state.active ? { type: 'LearnerSuspended', data: command.data } : []
      case 'Readmit':
        return state.active ? [] : { type: 'LearnerReadmitted' }
    }
  },

  evolve(state: LearnerState, event: LearnerEvent): LearnerState {
    switch (event.type) {
      case 'LearnerImported':
        return { known: true, ...event.data }
      case 'LearnerRenamed':
        return { ...state, name: event.data.name }
      case 'EmailChanged':
        return { ...state, email: event.data.email }
      case 'LearnerSuspended':
        return { ...state, active: false }
      case 'LearnerReadmitted':
        return { ...state, active: true }
    }
  },
})
