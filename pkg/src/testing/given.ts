/** The beginning of every story. */
import type { Aggregate } from '../aggregate.js'
import type { AnyCommand } from '../command.js'
import { invalidArgument } from '../errors.js'
import type { AnyEvent, EventExtras } from '../event.js'
import type { open as openFrom } from '../open.js'
import type { ProcessManager } from '../process.js'
import type { Projection } from '../projection.js'
import type { Upcaster } from '../upcaster.js'
import { givenAggregate, type GivenAggregate } from './aggregate.js'
import type { Happened } from './happened.js'
import { givenProcess, type ProcessStory } from './process.js'
import { givenRows, type Folded } from './projection.js'
import { Story } from './story.js'
import { givenStored, type Decoded, type StoredShape } from './upcaster.js'

/** What `given` takes. */
export interface Given {
  /** These events of an aggregate: `given(course, [event]).when(command).then(events)`. */
  <State, Command extends AnyCommand, Event extends AnyEvent>(
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is given here is as it is decided, after any schema
    aggregate: Aggregate<State, Command, Event, any>,
    events?: readonly (NoInfer<Event> & EventExtras)[],
  ): GivenAggregate<State, Command, Event>
  /**
   * A process manager, and what it knows as history, of which everything that it led to has been done:
   * `await given(certification, []).when(happened(course, 'ada', event)).thenCommands(command(certificate, 'ada', { type: 'Give' }))`.
   */
  <State>(process: ProcessManager<State>, history?: readonly Happened[]): ProcessStory<State>
  /** These events, whatever their streams: `given(progress, [happened(course, 'ada', event)]).then({ ada: row })`. */
  <Row>(projection: Projection<Row>, history: readonly Happened[]): Folded<Row>
  /** A stored event, read with these upcasters: `await given(renamed, stored).then(shape)`. */
  (upcasters: Upcaster | readonly Upcaster[], stored: StoredShape): Decoded
  /**
   * A history that the server has and every device knows:
   * `await given([happened(exam, 'ada', event)]).device('phone', command(…)).device('tablet', command(…)).sync('phone', 'tablet').thenState(…)`.
   */
  (history: readonly Happened[]): Story
}

/** `given` over this `open`. */
export function makeGiven(open: typeof openFrom): Given {
  function given(of: unknown, past?: unknown): unknown {
    if (typeof of === 'object' && of !== null) {
      if ('decide' in of) return givenAggregate(of as unknown as Aggregate<unknown, AnyCommand, AnyEvent>, (past ?? []) as AnyEvent[])
      if ('correlate' in of) return givenProcess(open, of as unknown as ProcessManager<unknown>, (past ?? []) as Happened[])
      if ('on' in of) return givenRows(of as unknown as Projection<unknown>, past as Happened[])
      if (past !== undefined) return givenStored(open, Array.isArray(of) ? (of as Upcaster[]) : [of as Upcaster], past as StoredShape)
      if (Array.isArray(of)) return new Story(open, of as Happened[])
    }
    throw invalidArgument('given', 'given() takes an aggregate, a projection, a process manager or upcasters with what they are given, or a history')
  }
  return given as Given
}
