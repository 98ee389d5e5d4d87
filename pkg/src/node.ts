/** The same package for Node.js, where the wasm is read and not fetched: tests and servers, with logs in memory. */
import { readFile } from 'node:fs/promises'
import { open as openFrom, type OpenOptions, type Tidelog } from './index.js'

export * from './index.js'

/** `open()` of `tidelog`, with the wasm from the file beside this one. */
export const open = async (options: OpenOptions): Promise<Tidelog> =>
  openFrom({ wasm: readFile(new URL('./tidelog_bg.wasm', import.meta.url)), ...options })
