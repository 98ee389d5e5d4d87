/** A device as the tests drive it: the package, the domain, and the log that was opened last, as globals of the page. */
import * as tidelog from 'tidelog'
import * as domain from './domain.js'

/** Opens a log with the domain of the tests. */
async function open({ certifies = false, locks = true, ...options }) {
  const { course, exam, progress, marks, certificate, badge, inbox, certification } = domain
  globalThis.log = await tidelog.open({
    aggregates: certifies ? [course, exam, certificate, badge, inbox] : [course, exam],
    projections: [progress, marks],
    ...(certifies && { processes: [certification] }),
    ...(!locks && { environment: { locks: undefined } }),
    onError: (error) => errors.push({ code: error.code, message: error.message }),
    ...options,
  })
  return globalThis.log
}

/** A sync with a server that is never reached: what is decided stays in the queue. */
const unreachable = { url: '/nobody', fetch: () => Promise.reject(new TypeError('no network')), pollInterval: 86_400_000 }

/** Failures that nobody awaits. */
const errors = []

/** What a promise rejects with, as data: code, message and details; or what it resolves to, which is wrong then. */
async function failure(run) {
  try {
    return { resolved: String(await run()) }
  } catch (error) {
    const { code, message, details } = error
    return { tidelog: tidelog.isTidelogError(error), code, message, details: JSON.parse(JSON.stringify(details ?? null)) }
  }
}

/** Tells the test something, at once: it is out of the page when this resolves. */
async function tell(message) {
  await fetch('/message', { method: 'POST', body: JSON.stringify(message) })
}

Object.assign(globalThis, { tidelog, domain, open, unreachable, errors, failure, tell, ready: true })
