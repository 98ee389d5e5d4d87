/** What looks back, loaded by its first use: replays and differences. */
export { rowsDifference, stateDifference } from './difference.js'
export { runReplay } from './replaying.js'
