/** What the build generates: the wasm-bindgen module and the wasm itself. */
declare module '#core' {
  export default function init(input: { module_or_path: unknown }): Promise<unknown>
  export const openCore: import('./core.js').OpenCore
}

declare module '#core-wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}
