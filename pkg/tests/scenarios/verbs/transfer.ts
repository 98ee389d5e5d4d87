/** In and out. */
import type { ExportOptions, ImportedRow, ImportOptions } from '../../../src/index.js'
import type { Verbs } from './verb.js'

export const transferVerbs: Verbs = {
  export: {
    takes: ['form', 'person', 'streams', 'aggregates', 'actor', 'from', 'to', 'confirmedOnly', 'shapes', 'source'],
    async run(device, { shapes, ...options }) {
      const text = await device.export({ ...options, ...(shapes !== undefined && { as: shapes }) } as ExportOptions).text()
      const items: unknown[] = options['form'] === 'cloud-events-batch' ? (JSON.parse(text) as unknown[]) : text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as unknown)
      return { text, items }
    },
  },
  import: {
    takes: ['text', 'mode', 'replace', 'cutAfter'],
    run(device, { text, mode, replace, cutAfter }) {
      let source = text as string
      if (replace !== undefined) {
        const [from, to] = replace as [string, string]
        source = source.replace(from, () => to)
      }
      if (cutAfter !== undefined) {
        const lines = source.split('\n')
        const next = lines[cutAfter as number] ?? ''
        source = `${lines.slice(0, cutAfter as number).join('\n')}\n${next.slice(0, next.length / 2)}`
      }
      return device.import(source, mode === undefined ? {} : { mode: mode as NonNullable<ImportOptions['mode']> })
    },
  },
  importRows: {
    takes: ['source', 'rows'],
    run: (device, { source, rows }) => device.import(rows as ImportedRow[], { source: source as string, map: (row) => row }),
  },
}
