/** Commands as a device of a story is given them. */
import type { AnyAggregate, GivenOf } from '../aggregate.js'
import type { ExecuteOptions } from '../command.js'

/** A command for an aggregate's instance, and what is expected at once. */
export interface Order {
  /** The aggregate. */
  readonly aggregate: AnyAggregate
  /** The id of its instance. */
  readonly id: string
  /** The command. */
  readonly command: unknown
  /** What goes with it. */
  readonly options: ExecuteOptions
  /** How the device itself refuses it, if it is to. */
  readonly refusal?: string
  /** The same, and the device refuses it, with this code or message. */
  refused(expected: string): Order
}

/** A command for an aggregate's instance: `command(course, 'algebra-1', { type: 'CompleteLesson', … })`. */
export function command<A extends AnyAggregate>(aggregate: A, id: string, given: GivenOf<A>, options: ExecuteOptions = {}): Order {
  const order: Omit<Order, 'refused'> = { aggregate, id, command: given, options }
  const refused = (refusal: string): Order => ({ ...order, refusal, refused })
  return { ...order, refused }
}
