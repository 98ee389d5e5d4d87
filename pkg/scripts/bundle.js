/** How the package's TypeScript is bundled, for the build and for the tests alike. */
import { readFile } from 'node:fs/promises'

/** The options of esbuild. `root` is the package's folder, with a slash at the end. */
export function bundleOptions(root) {
  return {
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    legalComments: 'none',
    loader: { '.wasm': 'binary' },
    plugins: [generatedCore(root)],
    logLevel: 'warning',
  }
}

/** Finds what wasm-bindgen generated, and takes its own guess at the wasm's URL out: `wasm.ts` names the one place. */
function generatedCore(root) {
  return {
    name: 'generated-core',
    setup(build) {
      build.onResolve({ filter: /^#core$/ }, () => ({ path: `${root}wasm/tidelog.js`, sideEffects: false }))
      build.onResolve({ filter: /^#core-wasm$/ }, () => ({ path: `${root}wasm/tidelog_bg.wasm` }))
      build.onResolve({ filter: /^#authority$/ }, () => ({ path: `${root}wasm/authority.js`, sideEffects: false }))
      build.onResolve({ filter: /^#authority-wasm$/ }, () => ({ path: `${root}wasm/authority_bg.wasm` }))
      build.onLoad({ filter: /[\\/]wasm[\\/]\w+\.js$/ }, async ({ path }) => {
        const glue = await readFile(path, 'utf8')
        return { contents: glue.replace(/new URL\(['"][\w.]+['"],\s*import\.meta\.url\)/, 'undefined'), loader: 'js' }
      })
    },
  }
}
