/** What is written: the same for every store. */
import { randomBytes } from 'node:crypto'

/** A UUID of version 7. */
export function id() {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const ANSWER = 'Because both sides were multiplied by the same number, the equation still holds; so x is three.'

/** The type of all events. */
export const TYPE = 'AnswerGiven'

/** The data of an event: about 250 bytes of JSON, as an answer of a learner is. */
export const answer = (number) => ({
  exam: 'algebra-1',
  question: `question-${number % 40}`,
  attempt: 1 + (number % 3),
  number,
  answer: ANSWER,
  correct: number % 4 !== 0,
  secondsTaken: 30 + (number % 90),
})

/** What is known of where they come from. */
export const origin = (device) => ({ correlationId: id(), actor: 'learner-7', deviceId: device, sessionId: device, occurredAt: Date.now() })
