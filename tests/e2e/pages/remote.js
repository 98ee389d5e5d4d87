/**
 * What a page does in a browser that is not driven: it asks the test what to do, does it, and says what came of it. The address names the
 * port where the test waits: one for each page, as browsers open few connections to one place.
 */
const port = new URLSearchParams(location.search).get('remote')

async function obey() {
  const test = `http://127.0.0.1:${port}`
  for (;;) {
    const response = await fetch(`${test}/next`)
    // Nothing to do for a while: browsers do not wait for ever.
    if (response.status === 204) continue
    void run(await response.json(), test)
  }
}

async function run({ id, source, argument }, test) {
  let answer
  try {
    answer = { id, value: await (0, eval)(`(${source})`)(argument) }
  } catch (error) {
    answer = { id, failure: `${error}\n${error?.stack ?? ''}` }
  }
  await fetch(`${test}/done`, { method: 'POST', body: JSON.stringify(answer) })
}

// The test is over when it does not answer any more.
if (port) obey().catch(() => {})
