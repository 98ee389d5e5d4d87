/** What holds for every request: resources, methods, media types, errors, browsers. */
import { check, equal, NotTried, problem } from '../check.js'
import { commit, push } from '../sample.js'

export const http = [
  {
    id: 'http/health',
    says: '`GET /healthz` needs no token and answers 200 while the server lives',
    async run({ server }) {
      equal((await server.request('GET', '/healthz', { token: null })).status, 200, 'the status')
    },
  },
  {
    id: 'http/no-such-resource',
    says: 'what is not there is answered 404 with problem details',
    async run({ server }) {
      problem(await server.request('GET', '/no-such-resource'), 404, 'not-found', 'a path that means nothing')
    },
  },
  {
    id: 'http/no-such-method',
    says: 'a method that a resource does not have is answered 405 with Allow',
    async run({ server, log }) {
      const answer = await server.request('DELETE', `/logs/${log().name}/commits`)
      problem(answer, 405, 'method-not-allowed', 'DELETE of commits')
      check(/\bPOST\b/.test(answer.headers.get('allow') ?? ''), 'Allow does not name POST')
    },
  },
  {
    id: 'http/log-names',
    says: 'a name that no log can have is answered 404',
    async run({ server }) {
      for (const name of ['Academy', '-academy', 'a_b', 'a.b', 'a'.repeat(64), '%20']) {
        problem(await server.request('GET', `/logs/${name}/events`), 404, 'not-found', `the log named ${name}`)
      }
    },
  },
  {
    id: 'http/media-type',
    says: 'a push of another media type, or in another Content-Encoding, is answered 415',
    async run({ log }) {
      const body = push([commit('course-1')])
      problem(await log().send(body, { 'Content-Type': 'text/plain' }), 415, 'invalid-request', 'text/plain')
      problem(await log().send(body, { 'Content-Encoding': 'gzip' }), 415, 'invalid-request', 'Content-Encoding: gzip')
    },
  },
  {
    id: 'http/media-type-parameters',
    says: 'a media type may have parameters and capitals',
    async run({ log }) {
      equal((await log().send(push([commit('course-1')]), { 'Content-Type': 'Application/JSON; charset=utf-8' })).status, 200, 'the status')
    },
  },
  {
    id: 'http/no-store',
    says: 'answers are not to be kept by caches',
    async run({ log }) {
      const one = log()
      for (const answer of [await one.send(push([commit('course-1')])), await one.ask('')]) {
        check(/\bno-store\b/.test(answer.headers.get('cache-control') ?? ''), `Cache-Control is ${answer.headers.get('cache-control')}`)
      }
    },
  },
  {
    id: 'http/browsers',
    says: 'preflights are answered, and pages may read Retry-After and WWW-Authenticate',
    async run({ server, log }) {
      const asked = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,content-type' }
      const preflight = await server.request('OPTIONS', `/logs/${log().name}/commits`, { headers: asked, token: null })
      check(preflight.status === 200 || preflight.status === 204, `a preflight is answered ${preflight.status}`)
      const allowed = (header) => (preflight.headers.get(header) ?? '').toLowerCase()
      if (allowed('access-control-allow-origin') === '') throw new NotTried('the server allows no foreign origins, or not this one')
      check(['*', 'https://app.example'].includes(allowed('access-control-allow-origin')), 'Access-Control-Allow-Origin')
      check(/post|\*/.test(allowed('access-control-allow-methods')), 'Access-Control-Allow-Methods does not name POST')
      for (const header of ['authorization', 'content-type']) check(allowed('access-control-allow-headers').includes(header), `Access-Control-Allow-Headers does not name ${header}`)
      const answer = await log().ask('', { Origin: 'https://app.example' })
      const exposed = (answer.headers.get('access-control-expose-headers') ?? '').toLowerCase()
      for (const header of ['retry-after', 'www-authenticate']) check(exposed.includes(header), `Access-Control-Expose-Headers does not name ${header}`)
    },
  },
  {
    id: 'access/no-token',
    says: 'without a token the answer is 401 with WWW-Authenticate',
    async run({ server, log }) {
      if (!server.usesTokens) throw new NotTried('no token was given: the server is open')
      const { name } = log()
      for (const [method, path] of [['GET', `/logs/${name}/events`], ['POST', `/logs/${name}/commits`]]) {
        const answer = await server.request(method, path, { token: null, headers: method === 'POST' ? { 'Content-Type': 'application/json' } : {}, body: method === 'POST' ? '{}' : undefined })
        problem(answer, 401, 'unauthorized', `${method} without a token`)
        check(/^bearer\b/i.test(answer.headers.get('www-authenticate') ?? ''), 'WWW-Authenticate does not ask for Bearer')
      }
    },
  },
  {
    id: 'access/unknown-token',
    says: 'a token that the server does not know is answered 401, whatever else is wrong',
    async run({ server, log }) {
      if (!server.usesTokens) throw new NotTried('no token was given: the server is open')
      const answer = await server.request('GET', `/logs/${log().name}/events?after=nonsense`, { token: 'a-token-that-nobody-has' })
      problem(answer, 401, 'unauthorized', 'an unknown token')
    },
  },
]
