import { aggregate, DomainError, open } from 'tidelog'

const course = aggregate({
  name: 'course',
  initialState: () => ({ lessons: [] }),
  decide(command, state) {
    const { lesson } = command.data
    if (state.lessons.includes(lesson)) throw new DomainError('already-completed', `${lesson} is completed already`)
    return { type: 'LessonCompleted', data: { lesson } }
  },
  evolve: (state, event) => ({ lessons: [...state.lessons, event.data.lesson] }),
})

const tidelog = await open({ name: 'academy', aggregates: [course] })
const live = tidelog.observe(course, 'algebra-1')
live.subscribe((value) => console.log('lessons so far:', value?.state.lessons))

const receipt = await tidelog.execute(course, 'algebra-1', { type: 'CompleteLesson', data: { lesson: 'l1' } })
console.log('durable at version', receipt.version) // survives a reload, a crash, a dead battery's reboot
console.log(await receipt.confirmed) // { status: 'confirmed', … }: without a server this device is the authority
