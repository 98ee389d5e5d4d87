/**
 * Stories about an app's rules: given, when, then.
 *
 * ```ts
 * import { command, given, happened } from 'tidelog/testing'
 *
 * given(course, [completed('l1')]).when(complete('l1')).thenRefused('already-completed')
 *
 * await given([happened(course, 'ada', completed('l1'))])
 *   .device('phone', command(course, 'ada', complete('l2')))
 *   .device('tablet', command(course, 'ada', complete('l2')))
 *   .sync('phone', 'tablet')
 *   .thenOutcomes('phone', 'confirmed')
 *   .thenOutcomes('tablet', 'rejected: already-completed')
 * ```
 */
import { open } from './index.js'
import { makeGiven, type Given } from './testing/given.js'

export * from './testing/kit.js'

/** Begins a story. What does not hold is an error with the difference, whatever the test runner. */
export const given: Given = makeGiven(open)
