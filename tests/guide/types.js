/** The type checker over files that are written as an app would write them. */
import ts from 'typescript'

/** As strict as a careful app. */
const options = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
}

/** What the type checker says about each of `files`: lists of `line:column message`, by file; none where all is well. */
export function complaints(files) {
  const found = new Map(files.map((file) => [file, []]))
  const program = ts.createProgram(files, options)
  for (const { file, start = 0, messageText, code } of [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()]) {
    throw new Error(`TS${code} ${file?.fileName ?? ''} ${start} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
  }
  for (const file of files) {
    const source = program.getSourceFile(file)
    if (!source) throw new Error(`the type checker does not find ${file}`)
    for (const { start = 0, messageText, code } of [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]) {
      // `declare const` within the scope of a block that is not run.
      if (code === 1184) continue
      const { line, character } = source.getLineAndCharacterOfPosition(start)
      found.get(file).push(`${line + 1}:${character + 1} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
    }
  }
  return found
}
