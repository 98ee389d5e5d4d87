import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [svelte()],
  // The package finds its wasm beside its own JavaScript by `new URL(…, import.meta.url)`; moved by the optimiser, it would not.
  optimizeDeps: { exclude: ['tidelog'] },
  // The linked package lies outside of this folder.
  server: { fs: { allow: ['..'] } },
  // The one large chunk is the package's spare copy of its wasm, which nobody loads while the file is there.
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 1_000 },
  test: { include: ['test/**/*.test.ts'] },
})
