/** Stories about upcasters, run by the core itself. */
import type { open as openFrom } from '../open.js'
import { messageOf } from '../errors.js'
import type { Upcaster } from '../upcaster.js'
import { ExpectationError, same } from './difference.js'
import { Clock, storyEnvironment, Switch } from './environment.js'

/** An event as it is stored, or as it is read. */
export interface StoredShape {
  /** Its type. */
  readonly type: string
  /** The version of its shape. Default 1. */
  readonly schemaVersion?: number
  /** The fact. */
  readonly data?: unknown
}

/** What a stored event is read as. Await what the methods return. */
export interface Decoded {
  /** It is read as these; as none if it means nothing any more. Rejects with the difference if it is not so. */
  then(shapes: StoredShape | readonly StoredShape[]): Promise<void>
  /** A step fails, with a message that has this part or is like this. */
  thenFails(message?: string | RegExp): Promise<void>
}

/** Given a stored event, read with these upcasters. */
export function givenStored(open: typeof openFrom, upcasters: readonly Upcaster[], stored: StoredShape): Decoded {
  const read = async (): Promise<readonly StoredShape[]> => {
    const environment = storyEnvironment(new Clock(), new Switch(), 1)
    const tidelog = await open({ name: 'upcasters', storage: 'memory', upcasters, environment })
    try {
      await tidelog.append('story-1', { schemaVersion: 1, ...stored })
      const events = await tidelog.read({ stream: 'story-1' }).toArray()
      return events.map(({ type, schemaVersion, data }) => ({ type, schemaVersion, data }))
    } finally {
      tidelog.close()
    }
  }
  return {
    async then(expected) {
      if (typeof expected === 'function') throw new ExpectationError('then() takes the shapes that are expected: await what it returns')
      const shapes: readonly StoredShape[] = Array.isArray(expected) ? (expected as readonly StoredShape[]) : [expected as StoredShape]
      same('the shapes', shapes.map(({ type, schemaVersion = 1, data = null }) => ({ type, schemaVersion, data })), await read())
    },
    async thenFails(expected) {
      const answer = await read().then((shapes) => ({ shapes }), (thrown: unknown) => ({ thrown }))
      if ('shapes' in answer) throw new ExpectationError('the step was to fail, but it gave shapes', expected, answer.shapes)
      const message = messageOf(answer.thrown)
      const fits = expected === undefined || (typeof expected === 'string' ? message.includes(expected) : expected.test(message))
      if (!fits) throw new ExpectationError(`the failure does not say ${String(expected)}: ${message}`, expected, message)
    },
  }
}
