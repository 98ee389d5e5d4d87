/** Ada's phone and tablet were offline at the same time. The devices, the sync and the server's rules are the real ones. */
import assert from 'node:assert/strict'
import { command, given, happened } from 'tidelog/testing'
import { enrolment, of } from './domain/enrolment.js'
import { exam } from './domain/exam.js'
import { progress } from './views.js'

const ada = of('ada', 'logic')
const complete = (lesson: string) => command(enrolment, ada, { type: 'CompleteLesson', data: { lesson, minutes: 20 } })
const answer = (question: string, answer: string) => command(exam, ada, { type: 'Answer', data: { question, answer } })
const handIn = command(exam, ada, { type: 'HandIn' })

/** Tells the story and what it came to. */
export async function offline(): Promise<void> {
  const world = await given([happened(enrolment, ada, { type: 'LearnerEnrolled', data: { learner: 'ada', course: 'logic', lessons: ['and', 'or', 'not'] } })])
    .with({ projections: [progress] })
    .device('phone', complete('and'), complete('or'), answer('q1', 'A'), handIn)
    .device('tablet', complete('or'), complete('not'), answer('q1', 'B'))
    .sync('phone', 'tablet')
    .thenState(enrolment, ada, { learner: 'ada', course: 'logic', lessons: ['and', 'or', 'not'], completed: ['and', 'or', 'not'], withdrawn: false })
    .thenState(exam, ada, { answers: { q1: 'A' }, status: 'handed-in' })
    .thenOutcomes('phone', 'confirmed', 'confirmed', 'confirmed', 'confirmed')
    .thenOutcomes('tablet', 'absorbed', 'rebased', 'rejected: handed-in')
    .thenRejected('tablet', 1)

  const tablet = world.device('tablet')
  const [rejected] = await tablet.rejected.list()
  const row = await tablet.row(progress, ada)
  console.log(`  the server has ${world.commits().length} commits; ada has completed ${row?.completed} of ${row?.lessons} lessons, none twice`)
  console.log(`  "or" on the tablet was done already, "not" was decided again, and the late answer is kept with its reason: ${rejected?.reason.message}`)
  assert.equal(row?.minutes, 60)
  world.close()
}
