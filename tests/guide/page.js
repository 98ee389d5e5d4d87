/**
 * A page of text whose TypeScript is run. The blocks of a page are one module, in which every line stands where it stands in the
 * page: whatever fails, fails at the page's own line.
 *
 * - ` ```ts ` is type-checked and run.
 * - ` ```ts no-run ` is type-checked only, in a scope of its own that sees the blocks of the page.
 *
 * `assert` of `node:assert/strict` is there without an import. An import that an earlier block has made may be repeated.
 */

/** A block of code in a page. `first` and `last` are the lines between its fences, from 1. */
export function blocksOf(text) {
  const blocks = []
  let open
  text.split('\n').forEach((line, index) => {
    const fence = /^(```+)\s*(.*)$/.exec(line.trim())
    if (!fence) return
    if (open === undefined) {
      const [language = '', ...words] = fence[2].trim().split(/\s+/)
      open = { fence: fence[1], language, words, first: index + 2 }
    } else if (fence[2] === '' && fence[1].length >= open.fence.length) {
      blocks.push({ ...open, last: index })
      open = undefined
    }
  })
  if (open) throw new Error(`line ${open.first - 1}: this block of code has no end`)
  return blocks
}

/** The two modules that a page makes: `checked` for the type checker, `run` for Node.js. */
export function modulesOf(text) {
  const lines = text.split('\n')
  const blocks = blocksOf(text).filter(({ language }) => language === 'ts' || language === 'typescript')
  const checked = lines.map(() => '')
  const run = lines.map(() => '')
  const inChecked = new Set()
  const inRun = new Set()
  for (const block of blocks) {
    const { words, first, last } = block
    const noRun = words.length === 1 && words[0] === 'no-run'
    if (block.language !== 'ts' || (words.length > 0 && !noRun)) {
      throw new Error(`line ${first - 1}: a block is \`ts\` or \`ts no-run\`, not \`${[block.language, ...words].join(' ')}\``)
    }
    const source = lines.slice(first - 1, last).join('\n')
    put(checked, first, partImports(source, inChecked))
    if (!noRun) put(run, first, partImports(source, inRun))
    else {
      checked[first - 2] += ' ;(async () => {'
      checked[last] = '});'
    }
  }
  if (!inChecked.has('assert')) checked[0] = assertion + checked[0]
  if (!inRun.has('assert')) run[0] = assertion + run[0]
  // A page is over when its last line is: what it left open does not keep the process alive.
  run.push('await new Promise((resolve) => setImmediate(resolve)); process.exit(0)')
  const runs = blocks.filter(({ words }) => words.length === 0).length
  return { checked: checked.join('\n'), run: run.join('\n'), blocks: blocks.length, runs }
}

const assertion = "import assert from 'node:assert/strict';"

/** Puts a block where it stands in the page. The line of its fence is free for what it imports. */
function put(module, first, { imports, code }) {
  module[first - 2] = imports
  code.split('\n').forEach((line, offset) => (module[first - 1 + offset] = line))
}

/** Parts a block into imports, without the names that are imported already, on one line, and the code with blank lines in their place. */
function partImports(text, imported) {
  let imports = ''
  const code = text.replace(/^import\s+(type\s+)?([\w*]+(?:\s+as\s+\w+)?)?\s*,?\s*(?:\{([^}]*)\})?\s*(?:from\s*)?(['"][^'"]+['"]);?/gm, (whole, type = '', other, names, from) => {
    const fresh = (name) => {
      const local = name.replace(/^type\s+/, '').split(/\s+as\s+/).pop()
      return local !== '' && !imported.has(local) && imported.add(local)
    }
    const wanted = (names ?? '').split(',').map((name) => name.trim()).filter(fresh)
    const parts = [...(other && fresh(other) ? [other] : []), ...(wanted.length > 0 ? [`{ ${wanted.join(', ')} }`] : [])]
    if (parts.length > 0) imports += `import ${type}${parts.join(', ')} from ${from};`
    else if (other === undefined && names === undefined) imports += `import ${from};`
    return whole.replace(/[^\n]/g, '')
  })
  return { imports, code }
}
