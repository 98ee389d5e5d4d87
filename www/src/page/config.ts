import type { Server } from '../device/device.svelte'

/** Where to sync to, as the origin of the page says; undefined if it says nothing, as under a plain file server. */
export async function serverOfThisPage(): Promise<Server | undefined> {
  const response = await fetch('/config.json').catch(() => undefined)
  if (!response?.ok || !response.headers.get('Content-Type')?.includes('json')) return undefined
  const config: unknown = await response.json().catch(() => undefined)
  const sync = (config as { sync?: Partial<Server> } | undefined)?.sync
  if (typeof sync?.url !== 'string' || typeof sync.token !== 'string') return undefined
  return { url: sync.url, token: sync.token }
}
