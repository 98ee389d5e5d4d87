/** The course in TypeScript. */
import { course } from './course.js'
import { tell } from './story.js'

await tell(course)
