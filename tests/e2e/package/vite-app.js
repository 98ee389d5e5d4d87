/** A fresh Vite application in a folder of its own, with the package installed from its tarball as npm would carry it. */
import { execFile, spawn } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { inRepository } from '../kit/places.js'

const run = promisify(execFile)
/** The repository's own compiler: the application brings none. */
const compiler = createRequire(inRepository('pkg/package.json')).resolve('typescript/bin/tsc')

/** Packs the package, makes the application in `folder`, and installs everything. */
export async function makeApp(folder) {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: inRepository('pkg') })
  const [{ filename, files }] = JSON.parse(stdout)
  await cp(inRepository('tests/e2e/package/vite-app'), folder, { recursive: true })
  const { devDependencies } = JSON.parse(await readFile(inRepository('www/package.json'), 'utf8'))
  const manifest = {
    name: 'fresh-application',
    private: true,
    type: 'module',
    dependencies: { tidelog: `file:./${filename}` },
    devDependencies: { vite: devDependencies.vite },
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2))
  await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder })
  return { folder, packed: files.map(({ path }) => path) }
}

/** Checks the types of the application against those of the installed package. */
export const checkTypes = ({ folder }) => run(process.execPath, [compiler, '-p', folder])

/** Runs a command of Vite that ends. */
export const vite = ({ folder }, ...args) => run(process.execPath, [binary(folder), ...args], { cwd: folder })

/** Starts a server of Vite, `dev` or `preview`, and waits until it says where it is. */
export async function serve({ folder }, command) {
  const child = spawn(process.execPath, [binary(folder), command, '--host', '127.0.0.1', '--port', '0'], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text) => (said += String(text)))
  const ended = new Promise((resolve) => child.once('close', resolve))
  const url = await new Promise((resolve, reject) => {
    void ended.then((code) => reject(new Error(`vite ${command} ended with ${code}: ${said}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(line) ?? []
      if (address) resolve(address)
    })
  })
  return {
    url,
    stop() {
      child.kill()
      return ended
    },
  }
}

const binary = (folder) => join(folder, 'node_modules/vite/bin/vite.js')
