/** The certificate of a course, `certificate-<learner>.<course>`, and the badges of a learner, `badges-<learner>`. */
import { aggregate } from 'tidelog'

export type CertificateCommand = { type: 'IssueCertificate'; data: { points: number } } | { type: 'RevokeCertificate'; data: { reason: string } }
export type CertificateEvent = { type: 'CertificateIssued'; data: { points: number } } | { type: 'CertificateRevoked'; data: { reason: string } }
export type CertificateState = 'none' | 'issued' | 'revoked'

export const certificate = aggregate({
  name: 'certificate',
  initialState: 'none' as CertificateState,
  decide(command: CertificateCommand, state: CertificateState): CertificateEvent[] {
    if (command.type === 'IssueCertificate') return state === 'none' ? [{ type: 'CertificateIssued', data: command.data }] : []
    return state === 'issued' ? [{ type: 'CertificateRevoked', data: command.data }] : []
  },
  evolve: (_state, event: CertificateEvent): CertificateState => (event.type === 'CertificateIssued' ? 'issued' : 'revoked'),
})

export type BadgeCommand = { type: 'GrantBadge'; data: { badge: string } } | { type: 'TakeBadge'; data: { badge: string } }
export type BadgeEvent = { type: 'BadgeGranted'; data: { badge: string } } | { type: 'BadgeTaken'; data: { badge: string } }

export const badges = aggregate({
  name: 'badges',
  initialState: [] as readonly string[],
  decide({ type, data }: BadgeCommand, held: readonly string[]): BadgeEvent[] {
    if (type === 'GrantBadge') return held.includes(data.badge) ? [] : [{ type: 'BadgeGranted', data }]
    return held.includes(data.badge) ? [{ type: 'BadgeTaken', data }] : []
  },
  evolve: (held: readonly string[], { type, data }: BadgeEvent): readonly string[] =>
    type === 'BadgeGranted' ? [...held, data.badge] : held.filter((badge) => badge !== data.badge),
})
