/** The testing kit for Node.js, where the wasm is read and not fetched. */
import { open } from './node.js'
import { makeGiven, type Given } from './testing/given.js'

export * from './testing/kit.js'

/** Begins a story. What does not hold is an error with the difference, whatever the test runner. */
export const given: Given = makeGiven(open)
