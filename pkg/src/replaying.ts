/** The work of replays; `replay.ts` says what they are. */
import { messageOf } from './errors.js'
import type { RecordedEvent } from './event.js'
import type { Projection } from './projection.js'
import { isEvolving, isReducer, type ReplayCallback, type ReplayControl, type ReplayFailure, type ReplayPlan, type ReplayProgress, type ReplayReport } from './replay.js'
import type { Session } from './session.js'

/** What takes the events. */
interface Handler {
  take(events: readonly RecordedEvent[], progress: ReplayProgress): void | Promise<void>
  /** Whether it takes events one by one, so that a failure names one. */
  readonly single: boolean
  readonly result: unknown
}

interface Step {
  events: RecordedEvent[]
  failures: ReplayFailure[]
  cursor: unknown
  progress: ReplayProgress
  done: boolean
}

/** Goes through the events. */
export async function runReplay(session: Session, { handler: given, core, stops, most }: ReplayPlan, control: ReplayControl): Promise<ReplayReport<unknown>> {
  const handler = handlerOf(given)
  const { progress } = control
  const failures: ReplayFailure[] = []
  let failed = 0

  /** Notes a failure; whether the replay has to stop. */
  const note = (failure: ReplayFailure): boolean => {
    failed++
    if (failures.length < most || stops) failures.push(failure)
    return stops
  }
  /** Hands events over; the failure that stops it. */
  const handOver = async (events: readonly RecordedEvent[], now: ReplayProgress): Promise<ReplayFailure | undefined> => {
    for (const part of handler.single ? events.map((event) => [event]) : events.length > 0 ? [events] : []) {
      try {
        await session.pure(() => handler.take(part, now))
      } catch (thrown) {
        const [{ position, stream, version, type }] = part as [RecordedEvent]
        const failure = { position: position ?? 0, ...(handler.single ? { stream, version, type } : {}), reason: messageOf(thrown) }
        if (note(failure)) return failure
      }
    }
    return undefined
  }

  let cursor: string | undefined
  let ended: ReplayReport<unknown>['ended'] = 'done'
  for (;;) {
    while (control.paused && !control.cancelled) await new Promise<void>((resolve) => (control.wake = resolve))
    if (control.cancelled) {
      ended = 'cancelled'
      break
    }
    const step = JSON.parse(await session.call(() => session.core.replayStep(core, cursor))) as Step
    // What stands before the first that can't be read is handed over first.
    const unread = stops ? step.failures[0] : undefined
    const readable = unread ? step.events.filter(({ position }) => (position ?? 0) < unread.position) : step.events
    const before = progress.get()
    let stopped = await handOver(readable, { ...step.progress, failed })
    for (const failure of step.failures) if (!stopped && note(failure)) stopped = failure
    if (stopped) {
      const { position } = stopped
      const taken = step.events.filter((event) => (event.position ?? 0) < position).length
      progress.set({ ...step.progress, failed, events: before.events + taken, position: Math.max(before.position, position - 1) })
      ended = 'failed'
      break
    }
    cursor = JSON.stringify(step.cursor)
    progress.set({ ...step.progress, failed })
    if (step.done) break
  }
  return { ...progress.get(), ended, failures, result: handler.result }
}

function handlerOf(given: unknown): Handler {
  if (typeof given === 'function') return { take: given as ReplayCallback, single: false, result: undefined }
  if (isReducer(given)) {
    const { initialState, evolve } = given
    const initial = (): unknown => (typeof initialState === 'function' ? (initialState as () => unknown)() : initialState)
    if (!isEvolving(given)) {
      const all = { take: ([event]: readonly RecordedEvent[]) => void (all.result = evolve(all.result, event!)), single: true, result: initial() }
      return all
    }
    const { name, events } = given
    const states = new Map<string, unknown>()
    const take = ([event]: readonly RecordedEvent[]): void => {
      const { stream, type } = event!
      if (aggregateOf(stream) !== name || (events && !events.includes(type))) return
      states.set(stream, evolve(states.has(stream) ? states.get(stream) : initial(), event!))
    }
    return { take, single: true, result: states }
  }
  const { initial, key: keyOf, on, from } = given as Projection<unknown>
  const rows = new Map<string, unknown>()
  const take = ([event]: readonly RecordedEvent[]): void => {
    const { type, stream } = event!
    if (!Object.hasOwn(on, type) || (from && !from.includes(aggregateOf(stream)))) return
    const key = keyOf(event!)
    if (key === null || key === undefined) return
    const next = on[type]!(rows.get(key) ?? initial(key), event!)
    if (next === undefined) throw new Error('it returned undefined: return the row, or null to delete it')
    if (next === null) rows.delete(key)
    else rows.set(key, next)
  }
  return { take, single: true, result: rows }
}

const aggregateOf = (stream: string): string => stream.slice(0, stream.indexOf('-'))
