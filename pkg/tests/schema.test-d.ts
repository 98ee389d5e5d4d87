/** What the compiler infers from schemas. Checked by `tsc`; nothing here runs. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { aggregate, reaction, type CommandOf, type EventOf, type GivenOf, type StandardSchema, type Tidelog } from '../src/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_proof: Equal<A, B>): void {}
declare const tidelog: Tidelog

// What the standard calls a schema is one here.
export const standard: StandardSchema<string> = {} as StandardSchemaV1<unknown, string>

// Commands and events from schemas of three libraries; no annotation.
const exam = aggregate({
  name: 'exam',
  initialState: { answers: 0 },
  schemas: {
    commands: { Answer: z.object({ question: z.number(), answer: z.string() }), HandIn: v.object({ at: v.number() }) },
    events: { Answered: type({ question: 'number', 'late?': 'boolean' }), HandedIn: z.object({ answers: z.number() }) },
  },
  decide: (command, state, context) => {
    if (command.type === 'HandIn') return { type: 'HandedIn', data: { answers: state.answers } }
    same<typeof command.data, { question: number; answer: string }>(true)
    return [{ type: 'Answered', data: { question: command.data.question, late: context.version > 100 } }]
  },
  evolve: (state, event) => (event.type === 'Answered' ? { answers: state.answers + (event.data.late ? 0 : 1) } : state),
  policies: { HandIn: 'keep' },
})
same<EventOf<typeof exam>['type'], 'Answered' | 'HandedIn'>(true)
same<ReturnType<typeof exam.initialState>, { answers: number }>(true)
void tidelog.execute(exam, 'final', { type: 'Answer', data: { question: 1, answer: 'x' } })
// @ts-expect-error -- the schema wants a number
void tidelog.execute(exam, 'final', { type: 'Answer', data: { question: '1', answer: 'x' } })

// A schema that changes what it checks: `execute` takes what goes in, `decide` gets what comes out.
const quiz = aggregate({
  name: 'quiz',
  initialState: { tries: 0 },
  schemas: {
    commands: {
      Try: z.object({ answer: z.string(), hints: z.number().default(0) }),
      Begin: z.object({ at: z.number().optional() }).optional(),
      Grade: v.object({ score: v.pipe(v.string(), v.transform(Number)) }),
    },
    events: { Tried: z.object({ hints: z.number() }) },
  },
  decide(command) {
    if (command.type === 'Try') return { type: 'Tried', data: { hints: command.data.hints.valueOf() } }
    if (command.type === 'Grade') same<typeof command.data.score, number>(true)
    return []
  },
  evolve: (state) => ({ tries: state.tries + 1 }),
})
void tidelog.execute(quiz, 'one', { type: 'Try', data: { answer: 'x' } })
void tidelog.execute(quiz, 'one', { type: 'Try', data: { answer: 'x', hints: 2 } })
void tidelog.execute(quiz, 'one', { type: 'Begin' })
void tidelog.execute(quiz, 'one', { type: 'Grade', data: { score: '3' } })
// @ts-expect-error -- the schema takes a string
void tidelog.execute(quiz, 'one', { type: 'Grade', data: { score: 3 } })
// @ts-expect-error -- the answer has no default
void tidelog.execute(quiz, 'one', { type: 'Try', data: { hints: 2 } })
void tidelog.load(quiz, 'one').then(({ state }) => same<typeof state, { tries: number }>(true))
same<CommandOf<typeof quiz>['type'], GivenOf<typeof quiz>['type']>(true)
// What a process sends is not checked again: it is what `decide` gets.
reaction.send(quiz, 'one', { type: 'Grade', data: { score: 3 } })

// Commands alone: events as ever from `evolve`.
const course = aggregate({
  name: 'course',
  initialState: { lessons: [] as string[] },
  schemas: { commands: { Complete: z.object({ lesson: z.string() }) } },
  decide: ({ data }) => [{ type: 'Completed', data: { lesson: data.lesson } }],
  evolve: (state, event: { type: 'Completed'; data: { lesson: string } }) => ({ lessons: [...state.lessons, event.data.lesson] }),
})
same<EventOf<typeof course>, { type: 'Completed'; data: { lesson: string } }>(true)
