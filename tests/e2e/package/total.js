/** What the pages of these tests say once they are done. */

/** The text that the page writes, once it has. */
export async function total(page) {
  const text = await page.waitForFunction(() => document.querySelector('#total')?.textContent, undefined, { timeout: 30_000 })
  return text.jsonValue()
}
