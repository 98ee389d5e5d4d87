import type { BulkCommit, NewEvent } from 'tidelog'
import type { Assessment, EnrolmentEvent } from '../domain/enrolment'
import { parseCsv } from './csv'
import { uuidOf } from './uuid'

/** The texts of the data set's files: every row of one or several presentations. */
export interface OuladFiles {
  assessments: string
  studentRegistration: string
  studentAssessment: string
}

const DAY = 86_400_000

/** The day from which the data set counts. It publishes the month only, so this takes the first: `2013J` is October 2013. */
export function startOf(presentation: string): number {
  const month = presentation.endsWith('B') ? 1 : 9
  return Date.UTC(Number(presentation.slice(0, 4)), month, 1)
}

/**
 * The records as commits of one event each: per enrolment the registration, each submission in the order of its day, and the
 * leaving; over all enrolments in the order of time, so that the log reads as the presentation went.
 */
export function enrolmentCommits(files: OuladFiles): BulkCommit[] {
  const streams = new Map<string, Entry[]>()
  const presentations = new Map<string, string>()
  const assessments = new Map<string, Assessment>()
  for (const row of parseCsv(files.assessments)) {
    const assessment = row['id_assessment'] ?? ''
    presentations.set(assessment, `${row['code_module']}-${row['code_presentation']}`)
    assessments.set(assessment, {
      assessment,
      kind: row['assessment_type'] ?? '',
      due: known(row['date']),
      weight: known(row['weight']) ?? 0,
    })
  }

  const leaving = new Map<string, number>()
  for (const row of parseCsv(files.studentRegistration)) {
    const { code_module: module = '', code_presentation: presentation = '', id_student: learner = '' } = row
    const id = `${module}-${presentation}-${learner}`
    const day = known(row['date_registration'])
    streams.set(id, [{ day: day ?? 0, presentation, event: { type: 'Registered', data: { module, presentation, learner, day } } }])
    const left = known(row['date_unregistration'])
    if (left !== null) leaving.set(id, left)
  }

  for (const row of parseCsv(files.studentAssessment)) {
    const assessment = assessments.get(row['id_assessment'] ?? '')
    const presentation = presentations.get(row['id_assessment'] ?? '') ?? ''
    const entries = streams.get(`${presentation}-${row['id_student']}`)
    const day = known(row['date_submitted'])
    if (!assessment || !entries || day === null) continue
    const data = { ...assessment, day, score: known(row['score']), banked: row['is_banked'] === '1' }
    entries.push({
      day,
      presentation: presentation.slice(presentation.indexOf('-') + 1),
      event: { type: 'AssessmentSubmitted', data },
    })
  }

  return [...streams]
    .flatMap(([id, entries]) => inOrder(id, entries, leaving.get(id)))
    .sort(byTime)
    .map(({ commit }) => commit)
}

/** How many enrolments a list of commits begins. */
export const enrolmentsIn = (commits: readonly BulkCommit[]): number => new Set(commits.map(({ stream }) => stream)).size

interface Entry {
  day: number
  presentation: string
  event: EnrolmentEvent
}

interface Placed {
  time: number
  stream: string
  version: number
  commit: BulkCommit
}

function inOrder(id: string, entries: Entry[], left: number | undefined): Placed[] {
  const [registration, ...submissions] = entries
  if (!registration) return []
  const { presentation } = registration
  const ordered = [registration, ...submissions.sort((a, b) => a.day - b.day)]
  if (left !== undefined) ordered.push({ day: left, presentation, event: { type: 'Unregistered', data: { day: left } } })
  const stream = `enrolment-${id}`
  let time = -Infinity
  return ordered.map(({ day, event }, version) => {
    const occurredAt = startOf(presentation) + day * DAY
    // A stream keeps its order even where the data set has a submission before the registration.
    time = Math.max(time, occurredAt)
    const recorded: NewEvent<EnrolmentEvent> = { ...event, id: uuidOf(`oulad/${stream}/${version + 1}`), occurredAt }
    return { time, stream, version, commit: { stream, events: [recorded], expectedVersion: version } }
  })
}

const byTime = (a: Placed, b: Placed): number =>
  a.time - b.time || (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.version - b.version)

/** A number of the data set; null where it has `?` or nothing. */
function known(cell: string | undefined): number | null {
  if (cell === undefined || cell === '' || cell === '?') return null
  const value = Number(cell)
  return Number.isFinite(value) ? value : null
}
