/** Where things are in the repository. */
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The absolute path of something in the repository. */
export const inRepository = (path) => `${root}${path}`
