/** Process managers at work: one tab lets them act, all can see how they stand. */
import type { AnyCommand } from './command.js'
import { integer, text } from './encode.js'
import { TidelogError } from './errors.js'
import { LiveValue, type Live } from './live.js'
import { unknownProcess, type AnyProcess, type ProcessManager } from './process.js'
import type { Session } from './session.js'
import type { Tabs } from './tabs.js'

export { adaptProcess } from './adapt-process.js'

/** Where an instance stands. */
export type ProcessState =
  /** Under way. */
  | 'running'
  /** An event ended it. */
  | 'ended'
  /** A step failed, or the process asked for it: what was done is being made up for. */
  | 'compensating'
  /** Everything has been made up for. `retry` begins anew. */
  | 'compensated'
  /** A compensation was refused: a person is needed. `retry` goes on. */
  | 'failed'
  /**
   * A function of the process failed at one of its events. It waits, as it was before that event, and the other instances go on. It is
   * tried again whenever the app is opened, and by `retry`.
   */
  | 'parked'

/** An instance of a process. */
export interface ProcessInstance<State = unknown> {
  /** The process. */
  readonly process: string
  /** Its id. */
  readonly id: string
  /** Where it stands. */
  readonly status: ProcessState
  /** What the process knows of it. */
  readonly state: State
  /** How often it was started; 0 if that failed. */
  readonly run: number
  /** When it was started last, in milliseconds since 1970. */
  readonly startedAt: number
  /** When something last came to it, in milliseconds since 1970. */
  readonly updatedAt: number
  /** Its commands, in order. Of very many, old ones that are done are left out. */
  readonly steps: readonly {
    readonly commitId: string
    readonly stream: string
    readonly command: AnyCommand
    /** `open`: not known to be settled; `skipped`: there was nothing to do, or it was called off; `stuck`: its compensation was refused. */
    readonly state: 'open' | 'done' | 'failed' | 'skipped' | 'undone' | 'stuck'
    /** How often it was begun anew. */
    readonly attempt: number
    /** Whether it is for this device to carry out; what came from history is left to others. */
    readonly here: boolean
  }[]
  /** Its timeouts that have not rung; `due` in milliseconds since 1970. */
  readonly timeouts: readonly { readonly name: string; readonly due: number }[]
  /** Why it is compensating, compensated, failed or parked. `code`: the domain's own, `asked` if the process itself asked, or `process-failed`. */
  readonly failure?: { readonly code: string; readonly message: string; readonly command?: string; readonly at: number }
}

/** Where a process stands. */
export interface ProcessStatus {
  /** The process. */
  readonly process: string
  /** The position of the last confirmed event it has taken in and noted. */
  readonly position: number
  /** The position of the last confirmed event. */
  readonly head: number
  /** Whether it acts on what comes: before the first sync it only takes history in. */
  readonly acting: boolean
  /** What keeps it, or an instance, from going on, in the tab that lets it act; it is tried again. */
  readonly trouble?: { readonly code: string; readonly message: string; readonly instance?: string }
}

/** What to wait for: a status, one of several, or whatever holds of the instance. */
export type ProcessCondition<State> = ProcessState | readonly ProcessState[] | ((instance: ProcessInstance<State>) => boolean)

/** The process managers of a tidelog. */
export interface Processes {
  /** The instances of a process, sorted by id; those of one status, if one is given. */
  list<State>(process: ProcessManager<State>, options?: { readonly status?: ProcessState }): Promise<readonly ProcessInstance<State>[]>
  /** One instance, if there is one. */
  get<State>(process: ProcessManager<State>, id: string): Promise<ProcessInstance<State> | undefined>
  /** The instances of a process, live; those of one status, if one is given. */
  observe<State>(process: ProcessManager<State>, options?: { readonly status?: ProcessState }): Live<readonly ProcessInstance<State>[]>
  /**
   * Waits until there is an instance of which this holds, and resolves to it. It is waiting, nothing else: the process acts by itself.
   *
   * ```ts
   * await tidelog.processes.waitFor(certification, 'ada', ['ended', 'compensated'], { timeout: 10_000 })
   * ```
   *
   * @throws {TidelogError} `timeout` after so many milliseconds; `closed`; the reason of the `signal` once it is aborted.
   */
  waitFor<State>(
    process: ProcessManager<State>,
    id: string,
    condition: ProcessCondition<State>,
    options?: { readonly timeout?: number; readonly signal?: AbortSignal },
  ): Promise<ProcessInstance<State>>
  /** Where a process stands. */
  status(process: AnyProcess): Promise<ProcessStatus>
  /**
   * Asks for another attempt at an instance: at the refused compensation of one that failed, at all steps of one that was compensated,
   * or at those steps of one under way that history left to other devices. It is noted in the log; with a server it takes effect
   * once confirmed. One that is parked is taken further at once, on this device.
   *
   * @throws {TidelogError} `process-failed` if a parked one fails again.
   */
  retry(process: AnyProcess, id: string): Promise<void>
  /**
   * Lets the processes take in what has been confirmed, lets timeouts ring that are due, and carries out what is open, once: for tests
   * with a clock of their own. An app need not call it. Resolves to the moment when the next timeout is due, in milliseconds since
   * 1970, and whether the log has changed meanwhile: then there may be more to do.
   *
   * @throws {TidelogError} The first error met; processes that met none have gone on, and what failed is tried again.
   */
  advance(): Promise<{ readonly due?: number; readonly changed: boolean }>
}

/** The longest wait, in milliseconds: a device that was suspended notices within it that timeouts are due. */
const longest = 60_000

/** The processes over the core; the tab that holds the lock lets them act. */
export function makeProcesses(session: Session, tabs: Tabs, processes: readonly AnyProcess[]): Processes {
  const { core, environment, watchers } = session
  const watch = (stale: () => void): (() => void) => {
    const stops = [watchers.log(stale), watchers.sync(stale)]
    return () => stops.forEach((stop) => stop())
  }
  const ask = <Answer>(process: AnyProcess, run: (name: string) => Promise<string>): Promise<Answer> => {
    session.check()
    if (!processes.includes(process)) throw unknownProcess(process)
    return session.call(() => run(process.name)).then((json) => JSON.parse(json) as Answer)
  }
  void tabs.lead((signal) => act(session, signal), 'processes').catch(session.failed)
  const list = async <State>(process: ProcessManager<State>, { status }: { readonly status?: ProcessState } = {}): Promise<readonly ProcessInstance<State>[]> => {
    const all = await ask<ProcessInstance<State>[]>(process, (name) => core.processes(name, undefined))
    return status === undefined ? all : all.filter((one) => one.status === status)
  }
  const get = async <State>(process: ProcessManager<State>, id: string): Promise<ProcessInstance<State> | undefined> =>
    (await ask<ProcessInstance<State>[]>(process, (name) => core.processes(name, text(id, 'id'))))[0]
  return {
    list,
    get,
    observe: (process, options) => new LiveValue({ load: () => list(process, options), watch, failed: session.failed }),
    async waitFor<State>(process: ProcessManager<State>, id: string, condition: ProcessCondition<State>, { timeout, signal }: { readonly timeout?: number; readonly signal?: AbortSignal } = {}) {
      if (timeout !== undefined) integer(timeout, 0, 2 ** 31 - 1, 'timeout')
      const states: readonly unknown[] = [condition].flat()
      const holds = (found: ProcessInstance<State>): boolean => (typeof condition === 'function' ? condition(found) : states.includes(found.status))
      let wake = (): void => {}
      let late = false
      const woken = (): void => wake()
      const stop = watch(woken)
      const cancel = timeout === undefined ? undefined : environment.after(timeout, () => ((late = true), wake()))
      signal?.addEventListener('abort', woken)
      session.whenEnded(woken)
      try {
        for (;;) {
          // before asking: what changes meanwhile must not be missed
          const changed = new Promise<void>((resolve) => (wake = resolve))
          signal?.throwIfAborted()
          const found = await get(process, id)
          if (found && holds(found)) return found
          if (late) {
            const standing = found ? `is ${found.status}` : 'has not begun'
            throw new TidelogError('timeout', `${id} of process manager ${process.name} ${standing} after ${timeout} ms`, { milliseconds: timeout! })
          }
          if (!signal?.aborted) await changed
        }
      } finally {
        stop()
        cancel?.()
        signal?.removeEventListener('abort', woken)
      }
    },
    status: async (process) => ask(process, (name) => core.processStatus(name)),
    async retry(process, id) {
      await ask(process, async (name) => {
        await core.retryProcess(name, text(id, 'id'))
        return 'null'
      })
    },
    async advance() {
      const standing = (): string => JSON.stringify(session.status())
      const before = standing()
      const { due } = await round(session)
      return { ...(due === null ? {} : { due }), changed: standing() !== before }
    },
  }
}

/** One round of all processes. */
const round = async (session: Session): Promise<{ due: number | null; troubled: boolean }> =>
  JSON.parse(await session.call(() => session.core.advanceProcesses())) as { due: number | null; troubled: boolean }

/** Lets the processes act whenever something has changed, and when timeouts are due, until the tidelog is closed. */
async function act(session: Session, signal: AbortSignal): Promise<void> {
  const { environment, watchers } = session
  let wake = (): void => {}
  const woken = (): void => wake()
  const stops = [watchers.log(woken), watchers.sync(woken)]
  session.whenEnded(woken)
  signal.addEventListener('abort', woken)
  const goesOn = (): boolean => session.usable && !signal.aborted
  let failures = 0
  while (goesOn()) {
    let stopTimer = (): void => {}
    const changed = new Promise<void>((resolve) => (wake = resolve))
    let wait: number | undefined
    try {
      const { due, troubled } = await round(session)
      failures = troubled ? failures + 1 : 0
      if (due !== null) wait = Math.max(due - environment.now(), 1)
    } catch (thrown) {
      failures++
      session.failed(thrown)
    }
    if (failures > 0) wait = 500 * 2 ** Math.min(failures, 7)
    if (!goesOn()) break
    if (wait !== undefined) stopTimer = environment.after(Math.min(wait, longest), woken)
    await changed
    stopTimer()
  }
  for (const stop of stops) stop()
}
