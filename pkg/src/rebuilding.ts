/** Making the rows of a projection anew, in steps that leave the page its turn. */
import type { RebuildOptions, RebuildProgress } from './projections.js'
import type { Session } from './session.js'

/** Between two steps of a rebuild the page gets its turn after so many milliseconds. */
const turn = 12

/** Rebuilds the projection of this name. */
export async function rebuild(session: Session, name: string, { onProgress, signal }: RebuildOptions): Promise<RebuildProgress> {
  const { core, environment } = session
  let since = environment.now()
  for (;;) {
    if (signal?.aborted) {
      await session.call(() => core.rebuildProjection(name, true))
      throw signal.reason
    }
    const progress = JSON.parse((await session.call(() => core.rebuildProjection(name, false)))!) as RebuildProgress
    onProgress?.(progress)
    if (progress.done) return progress
    if (environment.now() - since >= turn) {
      await new Promise<void>((resolve) => void environment.after(0, resolve))
      since = environment.now()
    }
  }
}
