import { lessons } from '../course/lessons'
import { questions } from '../course/paper'
import type { Device } from '../device/device.svelte'
import type { Command } from '../device/words'

/** The story of the demo in four steps, ticked off as they happen; any of them can be done by a press of a button. */
export class Guide {
  /** How many steps are done. */
  done = $state(0)
  readonly #devices: readonly [Device, Device]

  constructor(devices: readonly [Device, Device]) {
    this.#devices = devices
  }

  readonly steps = [
    { title: 'Switch both devices offline', detail: 'Nothing goes out any more; everything goes on.' },
    { title: 'Complete the same lesson on both', detail: 'And others too: each device keeps its own records.' },
    { title: 'Hand in the exam on one', detail: 'And change an answer on the other, which does not know.' },
    { title: 'Switch both online', detail: 'See what became of it all.' },
  ] as const

  /** Whether the learner has come too far for the story: an exam is handed in once, and a lesson completed once. */
  get spent(): boolean {
    const standings = this.#devices.map(({ standing }) => standing)
    if (this.done < 2 && lessons.every(({ id }) => standings.some((one) => one.lessons.has(id)))) return true
    return this.done < 3 && standings.some((one) => one.exam.handedIn === 'confirmed')
  }

  /** Looks whether the next step has happened. */
  look(): void {
    const [phone, tablet] = this.#devices
    const waiting = (device: Device): Command[] =>
      device.queue.flatMap(({ command, stream }) => (command && stream.endsWith(`-${device.id}`) ? [command as Command] : []))
    const [onPhone, onTablet] = [waiting(phone), waiting(tablet)]
    const completed = (commands: Command[]): string[] =>
      commands.flatMap((command) => (command.type === 'CompleteLesson' ? command.data.lesson : []))
    const has = (commands: Command[], type: Command['type']): boolean => commands.some((command) => command.type === type)
    const happened = [
      () => !phone.online && !tablet.online,
      () => completed(onPhone).some((lesson) => completed(onTablet).includes(lesson)),
      () =>
        (has(onPhone, 'HandIn') && has(onTablet, 'AnswerQuestion')) || (has(onTablet, 'HandIn') && has(onPhone, 'AnswerQuestion')),
      () => phone.online && tablet.online && onPhone.length === 0 && onTablet.length === 0,
    ]
    while (this.done < happened.length && happened[this.done]?.()) this.done += 1
  }

  /** Does the next step. */
  async act(): Promise<void> {
    const [phone, tablet] = this.#devices
    const open = (device: Device): string[] => lessons.map(({ id }) => id).filter((id) => !device.standing.lessons.has(id))
    switch (this.done) {
      case 0:
        phone.setOnline(false)
        tablet.setOnline(false)
        break
      case 1: {
        const both = open(phone).filter((lesson) => open(tablet).includes(lesson))
        const [same, one, other] = both
        if (same === undefined) break
        await phone.completeLesson(same)
        await tablet.completeLesson(same)
        if (one !== undefined) await phone.completeLesson(one)
        if (other !== undefined) await tablet.completeLesson(other)
        break
      }
      case 2: {
        for (const { id, right } of questions) await phone.answer(id, right)
        await phone.handIn()
        const [first] = questions
        const choice = first?.choices.find(({ id }) => id !== tablet.exam.answers[first.id])
        if (first && choice) await tablet.answer(first.id, choice.id)
        break
      }
      case 3:
        phone.setOnline(true)
        // The phone's records should be there first, so that it is the tablet's answer that comes too late.
        await phone.settled()
        tablet.setOnline(true)
        break
    }
  }

  /** Begins anew. */
  restart(): void {
    this.done = 0
  }
}
