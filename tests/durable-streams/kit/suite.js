/** What vitest runs: the published suite, against the address in `TIDELOG_FEED`. */
import { runConformanceTests } from '@durable-streams/server-conformance-tests'

runConformanceTests({ baseUrl: process.env.TIDELOG_FEED })
