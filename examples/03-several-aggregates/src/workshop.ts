/** A workshop: so many seats, each for one learner. */
import { aggregate, DomainError } from 'tidelog'

type Command =
  | { type: 'Announce'; data: { title: string; day: string; seats: number } }
  | { type: 'ReserveSeat'; data: { learner: string } }
  | { type: 'ReleaseSeat'; data: { learner: string } }

type Event =
  | { type: 'WorkshopAnnounced'; data: { title: string; day: string; seats: number } }
  | { type: 'SeatReserved'; data: { learner: string; left: number } }
  | { type: 'SeatReleased'; data: { learner: string } }

interface State {
  readonly title: string
  readonly day: string
  readonly seats: number
  readonly learners: readonly string[]
}

export const workshop = aggregate({
  name: 'workshop',
  initialState: (): State => ({ title: '', day: '', seats: 0, learners: [] }),
  decide(command: Command, { seats, learners }: State): Event | Event[] {
    switch (command.type) {
      case 'Announce':
        return { type: 'WorkshopAnnounced', data: command.data }
      case 'ReserveSeat': {
        const { learner } = command.data
        if (learners.includes(learner)) return []
        if (learners.length >= seats) throw new DomainError('fully-booked', 'All seats are taken')
        return { type: 'SeatReserved', data: { learner, left: seats - learners.length - 1 } }
      }
      case 'ReleaseSeat':
        return learners.includes(command.data.learner) ? { type: 'SeatReleased', data: command.data } : []
    }
  },
  evolve(state: State, event: Event): State {
    switch (event.type) {
      case 'WorkshopAnnounced':
        return { ...state, ...event.data }
      case 'SeatReserved':
        return { ...state, learners: [...state.learners, event.data.learner] }
      case 'SeatReleased':
        return { ...state, learners: state.learners.filter((one) => one !== event.data.learner) }
    }
  },
})
