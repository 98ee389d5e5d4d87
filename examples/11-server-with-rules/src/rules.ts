/** What the server loads: its rules are those of these aggregates. */
import { course } from './course.js'
import { retracing } from './retracing.js'

export const rules = retracing(course)
