/** The service worker of the tests: it is told by its address which server there is. */
import { syncInBackground } from '/tidelog/service-worker.js'

const { searchParams } = new URL(globalThis.location.href)
syncInBackground({ name: 'academy', patience: 20_000, sync: { url: searchParams.get('url'), token: () => searchParams.get('token') } })
