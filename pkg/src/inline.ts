/** The same package with the wasm inside a chunk of JavaScript: for where no file can be fetched beside it. */
import { open as openFrom, type OpenOptions, type Tidelog } from './index.js'

export * from './index.js'

/** `open()` of `tidelog`, with the wasm from a chunk that is loaded by the first call. */
export const open = async (options: OpenOptions): Promise<Tidelog> =>
  openFrom({ wasm: import('./bytes.js').then((bytes) => bytes.default), ...options })
