/** What a network or a server can do to an exchange; given to `proxy.plan`. */

/** The request gets lost: the server never sees it. */
export const loseRequest = (exchange) => exchange.drop()

/** The connection breaks in the middle of the request. */
export async function cutRequest(exchange) {
  await exchange.forwardPart(0.5)
  exchange.drop()
}

/** The server handles the request, and its answer gets lost. */
export async function loseAnswer(exchange) {
  await exchange.forward()
  exchange.drop()
}

/** The server handles the request, and its answer is cut off in the middle. */
export async function cutAnswer(exchange) {
  exchange.answerPart(await exchange.forward(), 0.5)
}

/** The network delivers the same request so often; the browser sees the last answer. */
export const repeat = (times) => async (exchange) => {
  const answers = []
  for (let time = 0; time < times; time++) answers.push(await exchange.forward())
  exchange.answer(answers.at(-1))
}

/** Nothing answers, ever; the connection stays open. */
export const silence = () => new Promise(() => {})

/** Something answers in the server's place: a login page, a proxy, a server that is not well. */
export const answerWith = (status, contentType, body, headers = {}) => (exchange) =>
  exchange.answer({
    status,
    headers: { 'content-type': contentType, 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After', ...headers },
    body: Buffer.from(body),
  })

/**
 * The exchange stops at a point until it is let go: before the server sees it (`request`) or when the server has handled it and the
 * browser does not know yet (`answer`).
 */
export function hold(point) {
  let letGo
  const released = new Promise((resolve) => (letGo = resolve))
  let arrive
  const reached = new Promise((resolve) => (arrive = resolve))
  const fault = async (exchange) => {
    const answer = point === 'answer' ? await exchange.forward() : undefined
    arrive(exchange)
    await released
    exchange.answer(answer ?? (await exchange.forward()))
  }
  return { fault, reached, release: () => letGo() }
}
