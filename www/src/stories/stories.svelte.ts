import type { AnyAggregate, Met, Receipt } from 'tidelog'
import type { Server } from '../device/device.svelte'
import { until } from '../until'
import { group, lesson, note, paper, sheet } from './domain'
import { Actor } from './stage'

/** What one device does in a story. */
interface Part {
  readonly does: string
  run(actor: Actor, id: string): Promise<Receipt>
}

/** Two devices that did not know of each other, and how it goes on. */
export interface Plot {
  readonly key: 'done-twice' | 'handed-in-twice' | 'last-seat' | 'two-notes' | 'which-sheet'
  readonly title: string
  /** What it is about. */
  readonly aggregate: AnyAggregate
  readonly phone: Part
  readonly tablet: Part
  /** What became of the tablet's, in a learner's words. */
  readonly words: string
  /** What is to be seen on both devices in the end. */
  shows(actor: Actor, id: string): Promise<string>
  /** The answers that a learner can give. */
  readonly answers?: readonly { readonly choice: 'keep' | 'discard'; readonly label: string; readonly words: string }[]
}

export const plots: readonly Plot[] = [
  {
    key: 'done-twice',
    aggregate: lesson,
    title: 'The same lesson on both',
    phone: { does: 'finishes lesson 1', run: ({ tidelog }, id) => tidelog.execute(lesson, id, { type: 'FinishLesson', data: { lesson: '1' } }) },
    tablet: { does: 'finishes lesson 1 too', run: ({ tidelog }, id) => tidelog.execute(lesson, id, { type: 'FinishLesson', data: { lesson: '1' } }) },
    words: 'The phone had said so already. There was nothing to add, and nothing is lost.',
    shows: async ({ tidelog }, id) => `Lessons done: ${(await tidelog.load(lesson, id)).state.done.join(', ')}.`,
  },
  {
    key: 'handed-in-twice',
    aggregate: paper,
    title: 'An exam handed in twice',
    phone: { does: 'hands in “high tide at noon”', run: ({ tidelog }, id) => tidelog.execute(paper, id, { type: 'HandInPaper', data: { answer: 'high tide at noon' } }) },
    tablet: { does: 'hands in “high tide at one”', run: ({ tidelog }, id) => tidelog.execute(paper, id, { type: 'HandInPaper', data: { answer: 'high tide at one' } }) },
    words: 'Both papers are on record as they were handed in. The phone’s came first, so that one counts.',
    shows: async ({ tidelog }, id) => {
      const { counts, later } = (await tidelog.load(paper, id)).state
      return `Counts: “${counts}”. On record beside it: ${later}.`
    },
  },
  {
    key: 'last-seat',
    aggregate: group,
    title: 'The last seat in a group',
    phone: { does: 'takes the seat for Mira', run: ({ tidelog }, id) => tidelog.execute(group, id, { type: 'JoinGroup', data: { who: 'Mira' } }) },
    tablet: { does: 'takes the seat for Noah', run: ({ tidelog }, id) => tidelog.execute(group, id, { type: 'JoinGroup', data: { who: 'Noah' } }) },
    words: 'Noah did not get the seat: Mira was first, and it was the last one. The wish is kept; try again when a seat is free, or choose another group.',
    shows: async ({ tidelog }, id) => `In the group: ${(await tidelog.load(group, id)).state.members.join(', ')}.`,
  },
  {
    key: 'two-notes',
    aggregate: note,
    title: 'A note written on both',
    phone: { does: 'writes “Spring tides: twice a month.”', run: ({ tidelog }, id) => tidelog.execute(note, id, { type: 'WriteNote', data: { text: 'Spring tides: twice a month.' } }) },
    tablet: { does: 'writes “Ask about neap tides.”', run: ({ tidelog }, id) => tidelog.execute(note, id, { type: 'WriteNote', data: { text: 'Ask about neap tides.' } }) },
    words: 'Both texts stay: the tablet’s was put below the phone’s.',
    shows: async ({ tidelog }, id) => `The note: ${(await tidelog.load(note, id)).state.text.split('\n').join(' ')}`,
  },
  {
    key: 'which-sheet',
    aggregate: sheet,
    title: 'Which answer sheet counts?',
    phone: { does: 'signs “the Moon”', run: ({ tidelog }, id) => tidelog.execute(sheet, id, { type: 'SignSheet', data: { answer: 'the Moon' } }) },
    tablet: { does: 'signs “the Moon and the Sun”', run: ({ tidelog }, id) => tidelog.execute(sheet, id, { type: 'SignSheet', data: { answer: 'the Moon and the Sun' } }) },
    words: 'Only you can know. Until you say so, the tablet’s sheet waits on the tablet, and everything else goes on.',
    shows: async ({ tidelog }, id) => `Counts: “${(await tidelog.load(sheet, id)).state.counts}”.`,
    answers: [
      { choice: 'keep', label: 'The tablet’s counts', words: 'You chose the tablet’s sheet. It stands behind the phone’s, and counts.' },
      { choice: 'discard', label: 'The phone’s counts', words: 'You chose the phone’s sheet. The tablet’s was not sent.' },
    ],
  },
]

/** How a story stands. */
export interface Scene {
  readonly state: 'untold' | 'running' | 'asked' | 'told' | 'failed'
  readonly outcome?: Met['status']
  readonly words?: string
  /** What both devices show in the end. */
  readonly shows?: string
}

/** The stories, played on two devices of their own. */
export class Stories {
  scenes = $state.raw<Readonly<Record<string, Scene>>>({})
  readonly #server: Server
  #actors: Promise<readonly [Actor, Actor]> | undefined
  #asked: { readonly id: string; readonly receipt: Receipt } | undefined
  /** One after the other: they share the two devices. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(server: Server) {
    this.#server = server
  }

  scene({ key }: Plot): Scene {
    return this.scenes[key] ?? { state: 'untold' }
  }

  play(plot: Plot): Promise<void> {
    return this.#next(plot, async (phone, tablet) => {
      const id = crypto.randomUUID()
      for (const actor of [phone, tablet]) actor.goOffline()
      await plot.phone.run(phone, id)
      const receipt = await plot.tablet.run(tablet, id)
      const told = tablet.next(receipt)
      await phone.goOnline()
      await tablet.goOnline()
      const outcome = await told
      if (plot.answers) {
        this.#asked = { id, receipt }
        return { state: 'asked', words: plot.words, outcome }
      }
      return { state: 'told', words: plot.words, shows: await this.#same(plot, id, phone, tablet), outcome }
    })
  }

  answer(plot: Plot, answer: NonNullable<Plot['answers']>[number]): Promise<void> {
    return this.#next(plot, async (phone, tablet) => {
      if (!this.#asked) return { state: 'untold' }
      const { id, receipt } = this.#asked
      const told = tablet.next(receipt)
      await tablet.tidelog.conflicts.resolve(receipt.commitId, answer.choice)
      await tablet.goOnline()
      const outcome = await told
      return { state: 'told', words: answer.words, shows: await this.#same(plot, id, phone, tablet), outcome }
    })
  }

  /** What both devices show, once the phone knows all that the tablet knows. */
  async #same(plot: Plot, id: string, phone: Actor, tablet: Actor): Promise<string> {
    const version = tablet.tidelog.version(`${plot.aggregate.name}-${id}`)
    phone.tidelog.sync.now()
    await until(phone.tidelog.observe(plot.aggregate, id), (loaded) => (loaded?.version ?? 0) >= version)
    return plot.shows(phone, id)
  }

  #next(plot: Plot, run: (phone: Actor, tablet: Actor) => Promise<Scene>): Promise<void> {
    this.#set(plot, { state: 'running' })
    const told = this.#turn.then(async () => {
      try {
        this.#actors ??= Promise.all([Actor.open('phone', this.#server), Actor.open('tablet', this.#server)])
        this.#set(plot, await run(...(await this.#actors)))
      } catch (error) {
        console.error(error)
        this.#set(plot, { state: 'failed', words: `It could not be told: ${error instanceof Error ? error.message : String(error)}` })
      }
    })
    this.#turn = told
    return told
  }

  #set({ key }: Plot, scene: Scene): void {
    this.scenes = { ...this.scenes, [key]: scene }
  }
}
