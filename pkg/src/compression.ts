/** Compression, where the browser has it. */

/** Compresses, or restores what was compressed. Undefined if the browser can't, or the bytes are not compressed ones. */
export async function pack(bytes: Uint8Array, unpack: boolean): Promise<Uint8Array | undefined> {
  try {
    const packer = unpack ? new DecompressionStream('deflate-raw') : new CompressionStream('deflate-raw')
    const packed = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(packer)
    return new Uint8Array(await new Response(packed).arrayBuffer())
  } catch {
    return undefined
  }
}
