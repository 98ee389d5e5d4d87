import '@fontsource-variable/instrument-sans/wght.css'
import '@fontsource-variable/newsreader/wght.css'
import './style/tokens.css'
import './style/base.css'
import { mount } from 'svelte'
import App from './page/App.svelte'
import { serverOfThisPage } from './page/config'
import { Device } from './device/device.svelte'
import Failed from './page/Failed.svelte'
import { RecordsImport } from './import/records.svelte'

const target = document.getElementById('app')

async function start(): Promise<void> {
  if (!target) return
  const server = await serverOfThisPage()
  const names = new Map<string, string>()
  const nameOf = (deviceId: string): string | undefined => names.get(deviceId)
  const [phone, tablet] = await Promise.all([
    Device.open('phone', 'Phone', server, nameOf),
    Device.open('tablet', 'Tablet', server, nameOf),
  ])
  for (const device of [phone, tablet]) names.set(device.tidelog.deviceId, device.name)
  const records = new RecordsImport()
  target.replaceChildren()
  mount(App, { target, props: { phone, tablet, server, records } })
  void records.start(tablet.tidelog)
}

start().catch((error: unknown) => {
  console.error(error)
  if (!target) return
  target.replaceChildren()
  mount(Failed, { target, props: { error } })
})
