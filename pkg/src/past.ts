/** What goes through the log once more, loaded by its first use: replays, differences and rebuilds. */
export { rowsDifference, stateDifference } from './difference.js'
export { rebuild } from './rebuilding.js'
export { runReplay } from './replaying.js'
