/** Purity: the app's pure functions run inside a call of the core, which can't be entered a second time. */
import { TidelogError } from './errors.js'

/** Knows whether one of the app's pure functions is running. */
export class Purity {
  #depth = 0

  /** Runs a pure function of the app. */
  during<Answer>(run: () => Answer): Answer {
    this.#depth++
    try {
      return run()
    } finally {
      this.#depth--
    }
  }

  /** Refuses a call into the tidelog while one is running. */
  check(): void {
    if (this.#depth > 0) {
      throw new TidelogError('reentrant', 'decide, evolve, projections and upcasters are pure: they must not call the tidelog', {})
    }
  }
}
