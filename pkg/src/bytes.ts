/** The wasm as a module. */
import bytes from '#core-wasm'

export default bytes
