/** A learner's week: one workshop a day. */
import { aggregate, DomainError } from 'tidelog'

type Command = { type: 'PlanWorkshop'; data: { workshop: string; day: string } }
type Event = { type: 'WorkshopPlanned'; data: { workshop: string; day: string } }

export const learner = aggregate({
  name: 'learner',
  initialState: (): Readonly<Record<string, string>> => ({}),
  decide({ data }: Command, week: Readonly<Record<string, string>>): Event | Event[] {
    if (week[data.day] === data.workshop) return []
    if (week[data.day] !== undefined) throw new DomainError('day-is-taken', `${data.day} is taken by ${week[data.day]}`)
    return { type: 'WorkshopPlanned', data }
  },
  evolve: (week: Readonly<Record<string, string>>, { data }: Event): Readonly<Record<string, string>> => ({ ...week, [data.day]: data.workshop }),
})
