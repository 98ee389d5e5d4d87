import type { Answers } from '../domain/exam'

export interface Question {
  id: string
  text: string
  choices: readonly { id: string; text: string }[]
  /** The id of the right choice. */
  right: string
}

/** The exam paper: five questions, twenty points each. */
export const questions: readonly Question[] = [
  {
    id: 'q1',
    text: 'High water is at 06:10. When is the next one?',
    choices: [
      { id: 'a', text: 'About 12:25' },
      { id: 'b', text: 'About 18:35' },
      { id: 'c', text: 'About 06:10 tomorrow' },
    ],
    right: 'b',
  },
  {
    id: 'q2',
    text: 'When is the range of the tide largest?',
    choices: [
      { id: 'a', text: 'In March and April' },
      { id: 'b', text: 'At the first and last quarter of the Moon' },
      { id: 'c', text: 'At new and full Moon' },
    ],
    right: 'c',
  },
  {
    id: 'q3',
    text: 'The range is 6 m. How much does the sea rise in the third hour after low water?',
    choices: [
      { id: 'a', text: '0.5 m' },
      { id: 'b', text: '1 m' },
      { id: 'c', text: '1.5 m' },
    ],
    right: 'c',
  },
  {
    id: 'q4',
    text: 'The chart says 2 m, the table says 3.5 m. How deep is the water?',
    choices: [
      { id: 'a', text: '1.5 m' },
      { id: 'b', text: '3.5 m' },
      { id: 'c', text: '5.5 m' },
    ],
    right: 'c',
  },
  {
    id: 'q5',
    text: 'A time in the log is wrong. What do you do?',
    choices: [
      { id: 'a', text: 'Strike it through and write the right one on a new line' },
      { id: 'b', text: 'Rub it out and write over it' },
      { id: 'c', text: 'Tear the page out' },
    ],
    right: 'a',
  },
]

/** The points for a paper, from 0 to 100. */
export function mark(answers: Answers): number {
  const right = questions.filter((question) => answers[question.id] === question.right).length
  return Math.round((right / questions.length) * 100)
}

export const questionNumber = (id: string): string => {
  const index = questions.findIndex((question) => question.id === id)
  return index < 0 ? id : String(index + 1)
}

export const choiceText = (question: string, choice: string): string =>
  questions.find(({ id }) => id === question)?.choices.find(({ id }) => id === choice)?.text ?? choice
