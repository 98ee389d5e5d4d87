/** The wasm core: found, fetched and instantiated once, inside `open()`. */
import init, { openCore } from '#core'
import type { OpenCore } from './core.js'
import { isTidelogError, messageOf, TidelogError } from './errors.js'

/** Where the wasm comes from, if not from beside this file. */
export type WasmSource = string | URL | Request | Response | BufferSource | WebAssembly.Module

let loading: Promise<unknown> | undefined

/** The core, instantiated if no earlier call has. */
export async function wasmCore(wasm?: WasmSource | Promise<WasmSource>): Promise<OpenCore> {
  loading ??= instantiate(wasm)
  try {
    await loading
  } catch (thrown) {
    loading = undefined // The network may be back at the next attempt.
    throw thrown
  }
  return openCore
}

async function instantiate(wasm: WasmSource | Promise<WasmSource> | undefined): Promise<void> {
  try {
    await init({ module_or_path: (await wasm) ?? (await fetched(new URL('./tidelog_bg.wasm', import.meta.url))) })
  } catch (thrown) {
    if (isTidelogError(thrown)) throw thrown
    throw new TidelogError('wasm-failed', `the wasm core can't be loaded: ${messageOf(thrown)}`, {}, { cause: thrown })
  }
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
