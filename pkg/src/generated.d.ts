/** What the build generates: the wasm-bindgen module and the wasm itself. */
declare module '#core' {
  export default function init(input: { module_or_path: unknown }): Promise<unknown>
  export const openCore: import('./core.js').OpenCore
}

declare module '#core-wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

declare module '#authority' {
  export function initSync(input: { module: Uint8Array<ArrayBuffer> }): unknown
  /** A log in memory that answers as the server does: `authority/src/authority.rs`. */
  export class Authority {
    constructor(id: string)
    /** The answer to one exchange at this moment, as JSON `{ status, contentType, body }`. */
    answer(method: string, path: string, body: string | undefined, now: number): string
    /** What was accepted: a JSON array of confirmed commits. */
    commits(): string
  }
}

declare module '#authority-wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}
