import js from '@eslint/js'
import { defineConfig } from 'eslint/config'
import globals from 'globals'

/** What `pages/device.js` gives to functions that run in a page. */
const page = { log: 'readonly', domain: 'readonly', records: 'readonly', bad: 'readonly', errors: 'readonly', failure: 'readonly', raw: 'readonly', unreachable: 'readonly', tell: 'readonly', confirmed: 'readonly' }

export default defineConfig(
  { ignores: ['package/vite-app', 'package/plain'] },
  {
    files: ['**/*.js'],
    extends: [js.configs.recommended],
    languageOptions: { globals: { ...globals.node, ...globals.browser, ...page } },
    rules: { 'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }], 'no-empty-pattern': 'off' },
  },
)
