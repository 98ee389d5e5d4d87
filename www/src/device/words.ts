import type { Outcome, Reason, RecordedEvent } from 'tidelog'
import { choiceText, questionNumber } from '../course/paper'
import { lessonTitle } from '../course/lessons'
import type { CourseCommand, CourseEvent, ExamCommand, ExamEvent } from '../domain'

/** What people do on a device. */
export type Command = CourseCommand | ExamCommand

/** What a command did, as the learner would say it. */
export function commandWords(command: Command | undefined): string {
  switch (command?.type) {
    case 'CompleteLesson':
      return `Completed “${lessonTitle(command.data.lesson)}”`
    case 'AnswerQuestion':
      return `Answered question ${questionNumber(command.data.question)}: ${choiceText(command.data.question, command.data.choice)}`
    case 'HandIn':
      return 'Handed in the exam'
    default:
      return 'A record'
  }
}

/** What became of a commit, in words that a learner understands. `elsewhere` is where its stream had moved first. */
export function outcomeWords(outcome: Outcome, command: Command | undefined, elsewhere: string): string {
  switch (outcome.status) {
    case 'confirmed':
      return 'The server has it.'
    case 'rebased':
      return command?.type === 'HandIn'
        ? `${elsewhere} had been at the exam first. It counts just as you handed it in.`
        : `${elsewhere} had been here first. Yours comes after, and counts.`
    case 'duplicate':
    case 'absorbed':
      return `${elsewhere} had recorded the same already. Nothing to add.`
    case 'rejected':
      return reasonWords(outcome.reason, elsewhere)
  }
}

/** Why something was not accepted, in words that a learner understands. */
export function reasonWords(reason: Reason, elsewhere: string): string {
  switch (reason.code === 'domain' ? reason.detail : reason.code) {
    case 'lesson-already-completed':
      return `${elsewhere} had already completed this lesson. It counts once.`
    case 'exam-handed-in':
      return `${elsewhere} had already handed in the exam, so this was not counted.`
    case 'builds-on-rejected':
      return 'It builds on a step that was not accepted.'
    case 'server':
      return `The server did not accept it: ${reason.message}`
    default:
      return `It was not accepted: ${reason.message}`
  }
}

/**
 * The event that kept a commit from being accepted as it was, among the confirmed events of its stream: the one that made its
 * command impossible, or else the latest before it that another device recorded.
 */
export function obstacle(
  commitId: string,
  command: Command | undefined,
  confirmed: readonly RecordedEvent<CourseEvent | ExamEvent>[],
  deviceId: string,
): RecordedEvent<CourseEvent | ExamEvent> | undefined {
  const own = confirmed.findIndex((event) => event.commitId === commitId)
  const before = own < 0 ? confirmed : confirmed.slice(0, own)
  const cause = before.find((event) =>
    event.type === 'LessonCompleted'
      ? command?.type === 'CompleteLesson' && command.data.lesson === event.data.lesson
      : event.type === 'ExamHandedIn',
  )
  return cause ?? before.filter((event) => event.metadata.deviceId !== deviceId).at(-1) ?? before.at(-1)
}
