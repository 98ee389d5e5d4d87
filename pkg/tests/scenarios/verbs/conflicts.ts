/** Conflicts: what is asked, answers, and what became of commits. */
import type { Choice } from '../../../src/index.js'
import type { Verbs } from './verb.js'

export const conflictVerbs: Verbs = {
  conflicts: { takes: [], run: (device) => device.conflicts.list() },
  resolve: { takes: ['commit', 'choice'], run: (device, { commit, choice }) => device.conflicts.resolve(commit as string, choice as Choice) },
  /** Since the device was opened. */
  met: { takes: [], run: (device, _, { world }) => world.met(device) },
}
