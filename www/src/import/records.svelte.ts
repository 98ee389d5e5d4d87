import type { BulkCommit, Tidelog } from 'tidelog'
import assessments from '../../data/aaa-2013j/assessments.csv?url'
import studentAssessment from '../../data/aaa-2013j/studentAssessment.csv?url'
import studentRegistration from '../../data/aaa-2013j/studentRegistration.csv?url'
import { until } from '../until'
import { enrolmentCommits } from './oulad'

/** The import of the records into one device's log; everyone else gets them by sync. */
export class RecordsImport {
  phase = $state<'waiting' | 'running' | 'done' | 'failed'>('waiting')
  /** Events that are durable. */
  events = $state(0)
  /** Events that there are to import; 0 if all were there already. */
  total = $state(0)
  /** Milliseconds that it took. */
  took = $state(0)
  /** Why it failed. */
  problem = $state('')

  /** Imports what is missing, once the log is known to be as far as the server's. */
  async start(tidelog: Tidelog): Promise<void> {
    try {
      const commits = await recordedCommits()
      if (missingOf(commits, tidelog).length > 0) {
        await until(tidelog.sync, ({ state, lastSyncedAt }) => state === 'off' || lastSyncedAt !== undefined)
        // One tab at a time; the next finds everything there.
        await navigator.locks.request(`tidelog-demo/import/${tidelog.name}`, () => this.#run(commits, tidelog))
      }
      this.phase = 'done'
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error)
      this.phase = 'failed'
    }
  }

  async #run(commits: readonly BulkCommit[], tidelog: Tidelog): Promise<void> {
    const missing = missingOf(commits, tidelog)
    if (missing.length === 0) return
    this.total = missing.length
    this.phase = 'running'
    const began = performance.now()
    // In portions with a breath between them, so that the bar moves and the page stays quick.
    for (let index = 0; index < missing.length; index += PORTION) {
      const before = this.events
      await tidelog.appendAll(missing.slice(index, index + PORTION), {
        onProgress: ({ events }) => (this.events = before + events),
      })
      await new Promise((resolve) => setTimeout(resolve))
    }
    this.took = performance.now() - began
  }
}

const PORTION = 250

async function recordedCommits(): Promise<BulkCommit[]> {
  const [first, second, third] = await Promise.all([text(assessments), text(studentRegistration), text(studentAssessment)])
  return enrolmentCommits({ assessments: first, studentRegistration: second, studentAssessment: third })
}

/** An import that was interrupted goes on where it stopped; one that was done, here or elsewhere, has nothing left. */
const missingOf = (commits: readonly BulkCommit[], tidelog: Tidelog): BulkCommit[] =>
  commits.filter(({ stream, expectedVersion }) => Number(expectedVersion) >= tidelog.version(stream))

async function text(url: string): Promise<string> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return response.text()
}
