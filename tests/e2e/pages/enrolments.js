/** Learning records as events: one learner's enrolment in one presentation is one stream. Data: see tests/data/oulad. */
import { projection } from 'tidelog'

/** The rows of a file of the data set, as objects by the names in its first line. It quotes nothing. */
export function parseCsv(text) {
  const [head, ...lines] = text.trim().split(/\r?\n/)
  const names = head.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    if (cells.length !== names.length) throw new Error(`${cells.length} cells instead of ${names.length}: ${line}`)
    return Object.fromEntries(names.map((name, index) => [name, cells[index]]))
  })
}

/** A number of the data set; null where it has `?` or nothing. */
const known = (cell) => (cell === '?' || cell === '' ? null : Number(cell))

const day = 86_400_000
/** The data set names the month of the start only: B is February, J is October. */
const startOf = (presentation) => Date.UTC(Number(presentation.slice(0, 4)), presentation.endsWith('B') ? 1 : 9, 1)

/**
 * Every row of these modules as a commit of one event, each stream in its order (registered, each submission in the order of its day,
 * unregistered), all of them in the order of time, so that the streams are interleaved as life interleaved them.
 */
export function enrolmentCommits({ assessments, studentRegistration, studentAssessment }, modules) {
  const wanted = (row) => !modules || modules.includes(row.code_module)
  const works = new Map(parseCsv(assessments).filter(wanted).map((row) => [row.id_assessment, row]))
  const streams = new Map()
  for (const { code_module: module, code_presentation: presentation, id_student: learner, ...dates } of parseCsv(studentRegistration).filter(wanted)) {
    const registered = { day: known(dates.date_registration), type: 'Registered', data: { module, presentation, learner } }
    const left = known(dates.date_unregistration)
    const unregistered = left === null ? [] : [{ day: left, type: 'Unregistered', data: {} }]
    streams.set(`enrolment-${module}-${presentation}-${learner}`, { presentation, registered, submitted: [], unregistered })
  }
  for (const row of parseCsv(studentAssessment)) {
    const work = works.get(row.id_assessment)
    if (!work) continue
    const stream = streams.get(`enrolment-${work.code_module}-${work.code_presentation}-${row.id_student}`)
    if (!stream) throw new Error(`a submission of assessment ${row.id_assessment} by ${row.id_student}, who is not enrolled`)
    const { id_assessment: assessment, assessment_type: kind } = work
    const data = { assessment, kind, weight: Number(work.weight), score: known(row.score), banked: row.is_banked === '1' }
    stream.submitted.push({ day: known(row.date_submitted), type: 'AssessmentSubmitted', data })
  }

  const placed = []
  for (const [stream, { presentation, registered, submitted, unregistered }] of streams) {
    const ordered = [registered, ...submitted.sort((a, b) => a.day - b.day), ...unregistered]
    // A stream keeps its order even where the data set has somebody submit before registering.
    let time = -Infinity
    ordered.forEach((event, version) => {
      const occurredAt = startOf(presentation) + (event.day ?? 0) * day
      time = Math.max(time, occurredAt)
      const { type, data } = event
      placed.push({ time, commit: { stream, expectedVersion: version, events: [{ type, data: { day: event.day, ...data }, occurredAt }] } })
    })
  }
  return placed.sort((a, b) => a.time - b.time).map(({ commit }) => commit)
}

/** Per enrolment: the weighted score so far in per cent times 100, and what it is made of. */
export const scores = projection({
  name: 'scores',
  initial: () => ({ points: 0, submitted: 0, unscored: 0, banked: 0, left: false }),
  key: ({ stream }) => stream.slice('enrolment-'.length),
  on: {
    // An enrolment without a submission has a row too.
    Registered: (row) => row,
    AssessmentSubmitted: (row, { data: { weight, score, banked } }) => ({
      points: row.points + weight * (score ?? 0),
      submitted: row.submitted + 1,
      unscored: row.unscored + (score === null ? 1 : 0),
      banked: row.banked + (banked ? 1 : 0),
      left: row.left,
    }),
    Unregistered: (row) => ({ ...row, left: true }),
  },
})
