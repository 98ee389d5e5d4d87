/** A training budget, `budget-<person>`. Its schemas say what commands and events hold, its rules what may happen. */
import { aggregate, DomainError } from 'tidelog'
import { z } from 'zod'

const course = z.string().trim().min(1)
const euros = z.number().int().positive().max(10_000)

interface BudgetState {
  readonly left: number
  readonly booked: Readonly<Record<string, number>>
}

export const budget = aggregate({
  name: 'budget',
  initialState: (): BudgetState => ({ left: 0, booked: {} }),
  schemas: {
    commands: {
      Grant: z.object({ amount: euros }),
      Book: z.object({ course, price: euros, seats: z.number().int().positive().optional() }),
      Cancel: z.object({ course }),
    },
    events: {
      BudgetGranted: z.object({ amount: euros }),
      CourseBooked: z.object({ course, cost: euros }),
      BookingCancelled: z.object({ course, cost: euros }),
    },
  },

  // The types of commands and events come from the schemas.
  decide(command, state) {
    switch (command.type) {
      case 'Grant':
        return { type: 'BudgetGranted', data: command.data }
      case 'Book': {
        const { course, price, seats = 1 } = command.data
        const cost = price * seats
        if (state.booked[course] !== undefined) throw new DomainError('already-booked', `${course} is booked already`)
        if (cost > state.left) throw new DomainError('over-budget', `${course} costs ${cost}, and ${state.left} is left`)
        return { type: 'CourseBooked', data: { course, cost } }
      }
      case 'Cancel': {
        const { course } = command.data
        const cost = state.booked[course]
        return cost === undefined ? [] : { type: 'BookingCancelled', data: { course, cost } }
      }
    }
  },

  evolve(state, event): BudgetState {
    switch (event.type) {
      case 'BudgetGranted':
        return { ...state, left: state.left + event.data.amount }
      case 'CourseBooked':
        return { left: state.left - event.data.cost, booked: { ...state.booked, [event.data.course]: event.data.cost } }
      case 'BookingCancelled': {
        const { [event.data.course]: cost = 0, ...booked } = state.booked
        return { left: state.left + cost, booked }
      }
    }
  },
})
