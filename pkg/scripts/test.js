/** Bundles the unit tests and runs them under Node.js. Arguments go to `node --test`. */
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { copyFile, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { bundleOptions } from './bundle.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const outdir = `${root}tests/build`
const tests = readdirSync(`${root}tests`).filter((file) => file.endsWith('.test.ts'))
await rm(outdir, { recursive: true, force: true })
await build({
  ...bundleOptions(root),
  entryPoints: tests.map((file) => `${root}tests/${file}`),
  outdir,
  platform: 'node',
  splitting: true,
  sourcemap: 'inline',
  // OpenTelemetry is CommonJS and asks for modules of Node.js as it runs
  external: ['node:*', '@opentelemetry/*'],
})
await copyFile(`${root}wasm/tidelog_bg.wasm`, `${outdir}/tidelog_bg.wasm`)
const files = tests.map((file) => `${outdir}/${file.replace(/\.ts$/, '.js')}`)
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...process.argv.slice(2), ...files], { stdio: 'inherit' })
process.exit(status ?? 1)
