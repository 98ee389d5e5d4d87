/** Where the parts under test lie, and what to do if one is not there. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
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
export const chromiumBinary = () => program('Chromium', 'TIDELOG_CHROMIUM', ['chromium', 'chromium-browser', 'google-chrome', 'chrome'], 'chromium')

/** Firefox: `TIDELOG_FIREFOX`, or the first one on the path. */
export const firefoxBinary = () => program('Firefox', 'TIDELOG_FIREFOX', ['firefox', 'firefox-esr'], 'firefox-esr')

/** WebKitGTK's own small browser, which is not on the path: `TIDELOG_WEBKIT`, or where Debian puts it. */
export function webkitBinary() {
  const architectures = { x64: 'x86_64', arm64: 'aarch64' }
  const debian = `/usr/lib/${architectures[process.arch]}-linux-gnu/webkit2gtk-4.1/MiniBrowser`
  return program('WebKit', 'TIDELOG_WEBKIT', [debian], 'webkit2gtk-driver')
}

/** A virtual screen, for a browser that wants one. */
export const screenBinary = () => program('Xvfb', 'TIDELOG_SCREEN', ['Xvfb'], 'xvfb')

/** A program that a variable names, or the first of these that is there. */
function program(what, variable, names, pack) {
  const given = process.env[variable]
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = given ? [given] : names.flatMap((name) => (isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name))))
  const found = candidates.find(isProgram)
  if (!found) throw new Missing(what, `install it (apt-get install ${pack}), or set ${variable} to its path`)
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
