import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['kit/suite.js'],
    // a slow machine is no fault of the feed
    testTimeout: 60_000,
  },
})
