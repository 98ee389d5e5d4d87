/** What the app has kept so far: rows that each update overwrites. */

export interface LearnerRow {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly active: boolean
  readonly created_at: string
  readonly updated_at: string
}

export const learners: readonly LearnerRow[] = [
  { id: '17', name: 'Ada Byron', email: 'ada@example.org', active: true, created_at: '2023-09-04T08:00:00Z', updated_at: '2024-02-11T10:12:00Z' },
  { id: '18', name: 'Alan Turing', email: 'alan@example.org', active: true, created_at: '2023-09-04T08:05:00Z', updated_at: '2023-09-04T08:05:00Z' },
  { id: '19', name: 'Grace Murray', email: 'grace@example.org', active: false, created_at: '2023-10-01T09:30:00Z', updated_at: '2024-05-20T16:45:00Z' },
]
