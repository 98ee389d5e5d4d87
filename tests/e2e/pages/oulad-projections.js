/** Three projections of learning records, and how often the function of one of them ran: a reload must not fold again what is stored. */
import { projection } from 'tidelog'
import { enrolmentCommits } from './enrolments.js'

/** How many events the functions were given in this page. */
export const folded = { events: 0 }

const counted = (run) => (row, event) => {
  folded.events++
  return run(row, event)
}

/** The projections at a version: another one makes the rows anew. */
export function three(version) {
  const learners = projection({
    name: 'learners',
    version,
    indexes: ['points', 'module'],
    initial: () => ({ module: '', points: 0, submitted: 0, left: false, version }),
    key: ({ stream }) => stream.slice('enrolment-'.length),
    on: {
      Registered: counted((row, { data }) => ({ ...row, module: data.module, version })),
      AssessmentSubmitted: counted((row, { data }) => ({ ...row, points: row.points + data.weight * (data.score ?? 0), submitted: row.submitted + 1, version })),
      Unregistered: counted((row) => ({ ...row, left: true, version })),
    },
  })
  const assessments = projection({
    name: 'assessments',
    version,
    initial: () => ({ submitted: 0, scored: 0, sum: 0, version }),
    key: ({ data }) => data.assessment,
    on: {
      AssessmentSubmitted: counted((row, { data: { score } }) => ({
        submitted: row.submitted + 1,
        scored: row.scored + (score === null ? 0 : 1),
        sum: row.sum + (score ?? 0),
        version,
      })),
    },
  })
  const days = projection({
    name: 'days',
    version,
    initial: () => ({ events: 0, version }),
    key: ({ data }) => `day ${data.day}`,
    on: Object.fromEntries(['Registered', 'AssessmentSubmitted', 'Unregistered'].map((type) => [type, counted((row) => ({ events: row.events + 1, version }))])),
  })
  return [learners, assessments, days]
}

/** The records as commits, as often as it takes to have so many events: each copy is of other learners. */
export function manyCommits(texts, least) {
  const once = enrolmentCommits(texts)
  const copies = Math.ceil(least / once.length)
  const commits = []
  for (const commit of once) {
    for (let copy = 0; copy < copies; copy++) commits.push(copy === 0 ? commit : { ...commit, stream: `${commit.stream}x${copy}` })
  }
  return { commits, copies }
}
