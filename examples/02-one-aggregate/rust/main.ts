/** The same course in Rust: the wasm that holds it is a module of this example's own, and the package drives it. */
import { readFile } from 'node:fs/promises'
import { rustAggregate } from 'tidelog'
import type { CourseCommand, CourseEvent, CourseState } from '../src/course.js'
import { tell } from '../src/story.js'
import * as wasm from './wasm/course.js'

// A browser fetches the wasm from beside its JavaScript; Node.js can't, so it is read (this runs as build/main.js).
await wasm.default({ module_or_path: await readFile(new URL('../wasm/course_bg.wasm', import.meta.url)) })
await tell(rustAggregate<CourseState, CourseCommand, CourseEvent>('course'), { wasm })
