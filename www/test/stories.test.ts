import { command, given } from 'tidelog/testing'
import { describe, it } from 'vitest'
import { group, lesson, note, paper, sheet } from '../src/stories/domain'

describe('two devices that did not know of each other', () => {
  it('finish a lesson: it is done once', async () => {
    const finish = command(lesson, 'a', { type: 'FinishLesson', data: { lesson: '1' } })
    await given([]).device('phone', finish).device('tablet', finish).sync('phone', 'tablet').thenOutcomes('tablet', 'absorbed').thenState(lesson, 'a', { done: ['1'] })
  })

  it('hand an exam in: both are on record, the first counts', async () => {
    const handIn = (answer: string) => command(paper, 'a', { type: 'HandInPaper', data: { answer } })
    await given([]).device('phone', handIn('one')).device('tablet', handIn('two')).sync('phone', 'tablet').thenOutcomes('tablet', 'rebased').thenState(paper, 'a', { counts: 'one', later: 1 })
  })

  it('take the last seat: one of them does not get it', async () => {
    const join = (who: string) => command(group, 'a', { type: 'JoinGroup', data: { who } })
    await given([]).device('phone', join('Mira')).device('tablet', join('Noah')).sync('phone', 'tablet').thenOutcomes('tablet', 'rejected: full').thenState(group, 'a', { members: ['Mira'] })
  })

  it('write a note: both texts stay', async () => {
    const write = (text: string) => command(note, 'a', { type: 'WriteNote', data: { text } })
    await given([]).device('phone', write('one')).device('tablet', write('two')).sync('phone', 'tablet').thenOutcomes('tablet', 'rebased').thenState(note, 'a', { text: 'one\ntwo' })
  })

  it('sign a sheet: somebody is asked', async () => {
    const sign = (answer: string) => command(sheet, 'a', { type: 'SignSheet', data: { answer } })
    await given([]).device('phone', sign('one')).device('tablet', sign('two')).sync('phone', 'tablet').thenOutcomes('tablet', 'asked')
  })
})
