// The address of a file that does not end, from pages: that of the stack, and one
// of another origin. The bucket has the rule of template.yaml.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { freePort, Stack } from './stack.js'
import { launch } from './visitor.js'

const text = 'kept under its address'

let stack
let browser
let server
let other
let address

before(async () => {
  const port = await freePort()
  other = `http://localhost:${port}`
  server = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>other</title>')).listen(port, 'localhost')
  await once(server, 'listening')
  stack = await Stack.start({ CORS_ALLOWED_ORIGINS: other })
  browser = await launch()
  const form = new FormData()
  form.append('files', new File([text], 'note.txt'))
  const response = await stack.api('address', 'upload-files', { method: 'POST', body: form })
  assert.equal(response.status, 200)
  address = `${stack.url}/api/conversations/address/files/note.txt`
})

after(async () => {
  await browser?.close()
  server?.close()
  await stack?.close()
})

/** Opens a page and asks it for the address as a script of it would. */
async function ask(origin, query = '', headers = {}) {
  const page = await browser.newPage()
  try {
    await page.goto(origin)
    return await page.evaluate(
      async ([url, headers]) => {
        try {
          const response = await fetch(url, { headers })
          const body = await response.text()
          if (!response.headers.get('Content-Type').startsWith('application/json')) return { status: response.status, redirected: response.redirected, text: body }
          const file = JSON.parse(body)
          const download = await fetch(file.url)
          return { status: response.status, redirected: response.redirected, file, text: await download.text() }
        } catch (err) {
          return { error: `${err}` }
        }
      },
      [address + query, { 'X-Session-API-Key': stack.key, ...headers }],
    )
  } finally {
    await page.close()
  }
}

test('a page of the stack follows the address with its session key', async () => {
  assert.deepEqual(await ask(stack.url), { status: 200, redirected: true, text })
})

test('a page of another origin cannot follow it', async () => {
  assert.deepEqual(await ask(other), { error: 'TypeError: Failed to fetch' })
})

for (const [way, query, headers] of [
  ['the query', '?redirect=false', {}],
  ['the type that it accepts', '', { Accept: 'application/json' }],
]) {
  test(`a page has the URL in JSON by ${way}`, async () => {
    for (const origin of [stack.url, other]) {
      const got = await ask(origin, query, headers)
      assert.equal(got.error, undefined, origin)
      assert.deepEqual([got.status, got.redirected, got.text], [200, false, text], origin)
      assert.deepEqual([got.file.name, got.file.size, got.file.sha256.length], ['note.txt', text.length, 64], origin)
    }
  })
}
