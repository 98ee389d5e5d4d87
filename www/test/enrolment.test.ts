import { describe, test } from 'vitest'
import { enrolment, type EnrolmentEvent, type Submission } from '../src/domain'
import { given } from './given'

const registration = { module: 'AAA', presentation: '2013J', learner: '11391', day: -159 }
const submission: Submission = { assessment: '1752', kind: 'TMA', due: 19, weight: 10, day: 18, score: 78, banked: false }
const registered: EnrolmentEvent = { type: 'Registered', data: registration }
const submitted: EnrolmentEvent = { type: 'AssessmentSubmitted', data: submission }
const unregistered: EnrolmentEvent = { type: 'Unregistered', data: { day: 30 } }

describe('enrolment', () => {
  test('registers once', () => {
    given(enrolment).when({ type: 'Register', data: registration }).then(registered)
    given(enrolment, registered).when({ type: 'Register', data: registration }).refused('already-registered')
  })

  test('submits each assessment once', () => {
    const command = { type: 'SubmitAssessment', data: submission } as const
    given(enrolment).when(command).refused('not-registered')
    given(enrolment, registered).when(command).then(submitted)
    given(enrolment, registered, submitted).when(command).refused('already-submitted')
  })

  test.each([-1, 101, Number.NaN])('refuses a score of %s', (score) =>
    given(enrolment, registered)
      .when({ type: 'SubmitAssessment', data: { ...submission, score } })
      .refused('score-out-of-range'),
  )

  test('leaves once', () => {
    const command = { type: 'Unregister', data: { day: 30 } } as const
    given(enrolment, registered).when(command).then(unregistered)
    given(enrolment, registered, unregistered).when(command).refused('already-unregistered')
  })
})
