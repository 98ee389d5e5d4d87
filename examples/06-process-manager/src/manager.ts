/** Carries out what `react` asks for: confirmed events in, commands out, each effect once. */
import { isTidelogError, type RecordedEvent, type Tidelog } from 'tidelog'
import { badges, certificate, letters, type EnrolmentEvent } from './domain.js'
import { compensations, react, type Step } from './graduation.js'

const week = 7 * 86_400_000

/** Goes through the confirmed events of enrolments, from the first one, as after a reload: what was done before is not done again. */
export async function manage(tidelog: Tidelog, now: number): Promise<void> {
  const latest = new Map<string, RecordedEvent<EnrolmentEvent>>()
  for await (const event of tidelog.read<EnrolmentEvent>({ aggregate: 'enrolment', confirmedOnly: true })) {
    const learner = event.stream.slice('enrolment-'.length)
    latest.set(learner, event)
    await carryOut(tidelog, learner, event, react(event))
  }
  for (const [learner, event] of latest) {
    const quiet = event.type === 'Enrolled' || event.type === 'LessonCompleted'
    if (!quiet || now - event.metadata.occurredAt < week) continue
    await carryOut(tidelog, learner, event, [{ to: 'letters', command: { type: 'Write', data: { text: 'We have not seen you for a week' } } }])
  }
}

async function carryOut(tidelog: Tidelog, learner: string, cause: RecordedEvent, steps: readonly Step[]): Promise<void> {
  const done: Step[] = []
  for (const [index, step] of steps.entries()) {
    try {
      await send(tidelog, learner, cause, step, `${cause.id} ${index}`)
      done.push(step)
    } catch (error) {
      if (!isTidelogError(error, 'refused')) throw error
      // The latest first, and nothing after the refused step.
      for (const undo of done.reverse()) {
        const compensation = compensations[undo.to]?.(error.message)
        if (compensation) await send(tidelog, learner, cause, compensation, `${cause.id} undo ${undo.to}`)
      }
      return
    }
  }
}

/** The command's id is made of what caused it: however often it is sent, and from wherever, it counts once. */
async function send(tidelog: Tidelog, learner: string, cause: RecordedEvent, { to, command }: Step, commandId: string): Promise<void> {
  const options = { commandId, causationId: cause.id, correlationId: cause.metadata.correlationId, actor: 'graduation' }
  if (to === 'certificate') await tidelog.execute(certificate, learner, command, options)
  else if (to === 'badges') await tidelog.execute(badges, learner, command, options)
  else await tidelog.execute(letters, learner, command, options)
}
