/** Where the parts under test lie, and what to do if one is not there. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A folder or file below the root of the repository. */
export const inRepository = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** The built npm package. */
export function packageFolder() {
  const folder = inRepository('pkg/dist')
  if (!existsSync(join(folder, 'index.js'))) throw new Missing('pkg/dist', 'run `cargo xtask build`')
  return folder
}

/** The server's binary: `TIDELOG_SERVER_BIN`, or the last build. */
export function serverBinary() {
  const given = process.env.TIDELOG_SERVER_BIN
  const candidates = given ? [given] : ['release', 'debug'].map((profile) => inRepository(`target/${profile}/tidelog-server`))
  const found = candidates.find(isProgram)
  if (!found) throw new Missing(`the server (${candidates.join(', ')})`, 'run `cargo xtask build`, or set TIDELOG_SERVER_BIN')
  return found
}

/** Chromium: `TIDELOG_CHROMIUM`, or the first one on the path. */
export function chromiumBinary() {
  const given = process.env.TIDELOG_CHROMIUM
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome']
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = given ? [given] : names.flatMap((name) => folders.map((folder) => join(folder, name)))
  const found = candidates.find(isProgram)
  if (!found) throw new Missing('Chromium', 'install it (apt-get install chromium), or set TIDELOG_CHROMIUM to its path')
  return found
}

/** A part is not there. */
class Missing extends Error {
  constructor(part, remedy) {
    super(`${part} is not there: ${remedy}`)
    this.name = 'Missing'
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
