/**
 * Builds the package from `src/` and the wasm that `cargo xtask build` leaves in `wasm/`: `dist/index.js`, its types, and the wasm
 * beside it. `--js` leaves the types out.
 */
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { bundleOptions } from './bundle.js'

const root = fileURLToPath(new URL('..', import.meta.url))
if (!existsSync(`${root}wasm/tidelog_bg.wasm`)) {
  console.error('pkg/wasm is not there: run `cargo xtask build`, which makes the wasm and then this package')
  process.exit(1)
}

await rm(`${root}dist`, { recursive: true, force: true })
const options = { ...bundleOptions(root), outdir: `${root}dist`, minify: true, sourcemap: true, tsconfig: `${root}tsconfig.json` }
// What few pages need is loaded when it is asked for (src/parts.ts).
const parts = ['transport', 'processes', 'layers', 'validation', 'adapt-upcaster', 'crash-recovery', 'background-sync', 'trace', 'past', 'transfer', 'conflicts']
await build({
  ...options,
  entryPoints: ['index', 'bytes', ...parts].map((entry) => `${root}src/${entry}.ts`),
  external: parts.map((part) => `./${part}.js`),
})
// A service worker may not load anything later: all in one file.
await build({ ...options, entryPoints: [`${root}src/service-worker.ts`] })
// The other entries are a few lines around the first, and must share it: two copies would not know each other's logs.
await build({
  ...options,
  entryPoints: ['inline', 'node', 'testing', 'testing-node'].map((entry) => `${root}src/${entry}.ts`),
  external: ['./index.js', './bytes.js', './node.js', 'node:*'],
})
await copyFile(`${root}wasm/tidelog_bg.wasm`, `${root}dist/tidelog_bg.wasm`)
// npm carries what lies in the package's own folder.
for (const licence of ['LICENSE-MIT', 'LICENSE-APACHE']) await copyFile(`${root}../${licence}`, `${root}${licence}`)
if (!process.argv.includes('--js')) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', `${root}tsconfig.build.json`], { stdio: 'inherit' })
}
