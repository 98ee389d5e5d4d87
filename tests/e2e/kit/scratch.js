/** A folder on disk for one test. */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEnd } from './ending.js'

/** Makes a folder that is removed after the test. `TIDELOG_E2E_KEEP` keeps it, to look into what a failure left. */
export function scratch(test) {
  const folder = mkdtempSync(join(tmpdir(), 'tidelog-e2e-'))
  if (process.env.TIDELOG_E2E_KEEP) test.diagnostic(`kept: ${folder}`)
  // A browser that has just ended may still be letting go of its files.
  else atEnd(test, () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  return folder
}
