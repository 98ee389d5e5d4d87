/** The wasm core: found, fetched and instantiated once, inside `open()`. */
import init, { openCore } from '#core'
import type { OpenCore } from './core.js'
import { isTidelogError, messageOf, TidelogError } from './errors.js'

/** Where the wasm comes from, if not from beside this file. */
export type WasmSource = string | URL | Request | Response | BufferSource | WebAssembly.Module

/**
 * A wasm module of the app's own, as wasm-bindgen makes it (`--target web`) of a crate with `tidelog::export!`: what
 * `import('./wasm/academy.js')` gives. Where its wasm can't be fetched from beside it, as in Node.js, the app has called its default
 * export with the bytes before.
 */
export interface WasmModule {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what wasm-bindgen declares of them depends on its version
  readonly default: (...parameters: any[]) => Promise<unknown>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  readonly openCore: (...parameters: any[]) => Promise<unknown>
}

/** The wasm to open logs with: where the package's own is, or another module. */
export type Wasm = WasmSource | WasmModule

let loading: Promise<unknown> | undefined

/** The core, instantiated if no earlier call has. */
export async function wasmCore(wasm?: Wasm | Promise<Wasm>): Promise<OpenCore> {
  let given: Wasm | undefined
  try {
    given = await wasm
    if (isModule(given)) {
      await given.default() // Does nothing from the second time on.
      return given.openCore as unknown as OpenCore
    }
  } catch (thrown) {
    throw failed(thrown)
  }
  loading ??= instantiate(given)
  try {
    await loading
  } catch (thrown) {
    loading = undefined // The network may be back at the next attempt.
    throw thrown
  }
  return openCore
}

function isModule(wasm: Wasm | undefined): wasm is WasmModule {
  return typeof wasm === 'object' && typeof (wasm as WasmModule).openCore === 'function'
}

async function instantiate(wasm: WasmSource | undefined): Promise<void> {
  try {
    await init({ module_or_path: wasm ?? (await fetched(new URL('./tidelog_bg.wasm', import.meta.url))) })
  } catch (thrown) {
    throw failed(thrown)
  }
}

function failed(thrown: unknown): TidelogError {
  if (isTidelogError(thrown)) return thrown
  return new TidelogError('wasm-failed', `the wasm core can't be loaded: ${messageOf(thrown)}`, {}, { cause: thrown })
}

/** The wasm at this URL. A server may not know its type; one that answers every unknown path with a page is told from it. */
async function fetched(url: URL): Promise<Response | ArrayBuffer> {
  const response = await fetch(url)
  const type = response.headers.get('Content-Type') ?? 'no type'
  if (response.ok && type.startsWith('application/wasm')) return response
  const bytes = await response.arrayBuffer()
  if (response.ok && bytes.byteLength > 4 && new DataView(bytes).getUint32(0) === 0x0061_736d) return bytes
  const message = `there is no wasm at ${url.href} (the answer is ${response.status}, ${type}): a bundler may have moved the JavaScript without the wasm beside it; the README says what to do ("Bundlers")`
  throw new TidelogError('wasm-failed', message, { url: url.href })
}
