// Measures what a page loads that imports the package and nothing else: `node measure.mjs ROOT` prints JSON
// { javascript: { raw, gzip, brotli }, lazy: { … }, wasm: { … }, worker: { … } } in bytes. JavaScript is what the default entry imports, the
// glue of wasm-bindgen included, bundled and minified as by the bundler of an app; lazy is what it loads only where it has to;
// gzip is level 9, brotli level 11.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = resolve(process.argv[2] ?? '.')
const { build } = createRequire(join(root, 'pkg/package.json'))('esbuild')

const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['pkg/dist/index.js'],
  outdir: 'bundle',
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  metafile: true,
  logLevel: 'error',
  write: false,
})

/** The entry and every chunk that is loaded with it. */
const eager = new Set()
const visit = path => {
  if (eager.has(path)) return
  eager.add(path)
  for (const { path: imported, kind } of metafile.outputs[path].imports) if (kind === 'import-statement') visit(imported)
}
visit(Object.keys(metafile.outputs).find(path => metafile.outputs[path].entryPoint === 'pkg/dist/index.js'))

const sizes = bytes => ({
  raw: bytes.length,
  gzip: gzipSync(bytes, { level: 9 }).length,
  brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
})
/** Each file is compressed by itself, as a server does. */
const sum = files =>
  files.map(file => sizes(file.contents)).reduce(
    (all, one) => ({ raw: all.raw + one.raw, gzip: all.gzip + one.gzip, brotli: all.brotli + one.brotli }),
    { raw: 0, gzip: 0, brotli: 0 },
  )
const isEager = file => eager.has(file.path.slice(root.length + 1).replaceAll('\\', '/'))
console.log(
  JSON.stringify({
    javascript: sum(outputFiles.filter(isEager)),
    lazy: sum(outputFiles.filter(file => !isEager(file))),
    wasm: sizes(readFileSync(join(root, 'pkg/wasm/tidelog_bg.wasm'))),
    worker: sizes(readFileSync(join(root, 'pkg/dist/service-worker.js'))),
  }),
)
