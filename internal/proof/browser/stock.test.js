// A stock Uppy, on a page of another origin, as a web client would use it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { digestFile, digestURL, Folder } from './files.js'
import { freePort, Stack } from './stack.js'
import { launch } from './visitor.js'

const KiB = 1 << 10
const MiB = 1 << 20

let stack
let browser
let folder
let server
let origin

before(async () => {
  const port = await freePort()
  origin = `http://localhost:${port}`
  stack = await Stack.start({ CORS_ALLOWED_ORIGINS: origin, ALLOWED_EXTENSIONS: '.bin,.txt' })
  browser = await launch()
  folder = new Folder()
  server = await serve(port)
})

after(async () => {
  await browser?.close()
  server?.close()
  await stack?.close()
  folder?.remove()
})

async function serve(port) {
  const { outputFiles } = await build({ entryPoints: ['stock/stock.js'], bundle: true, write: false, outdir: 'out', format: 'esm' })
  const files = Object.fromEntries(outputFiles.map(({ path, text }) => [`/${basename(path)}`, text]))
  files['/'] = readFileSync('stock/index.html', 'utf8')
  const types = { '.js': 'text/javascript', css: 'text/css' }
  return createServer(({ url }, response) => {
    const content = files[url]
    response.writeHead(content ? 200 : 404, { 'Content-Type': types[url.slice(-3)] ?? 'text/html' }).end(content)
  }).listen(port, 'localhost')
}

/** Opens the Dashboard for a conversation. */
async function open(conversation) {
  const page = await browser.newPage()
  const settings = { endpoint: `${stack.url}/api/conversations/${conversation}`, headers: { 'X-Session-API-Key': stack.key } }
  await page.goto(`${origin}/#${encodeURIComponent(JSON.stringify(settings))}`)
  await page.locator('.uppy-Dashboard-input').first().waitFor({ state: 'attached' })
  return page
}

async function upload(page, ...paths) {
  await page.locator('.uppy-Dashboard-input').first().setInputFiles(paths)
  await page.getByRole('button', { name: /^Upload \d+ file/ }).click()
}

/** Waits for the end of an upload: what went well, and what did not. */
async function outcome(page, timeout = 60_000) {
  await page.waitForFunction(() => window.results.length > 0, null, { timeout })
  return page.evaluate(() => {
    const [{ successful, failed }] = window.results
    return {
      successful: successful.map(({ name, uploadURL, response }) => ({ name, uploadURL, body: response.body })),
      failed: failed.map(({ name, error }) => ({ name, error })),
    }
  })
}

async function assertStored(conversation, path) {
  const { files } = await (await stack.api(conversation, 'files')).json()
  const file = files.find(({ name }) => name === basename(path))
  assert.ok(file, `${basename(path)} is listed`)
  assert.equal(await digestURL(file.url), await digestFile(path), `bytes of ${basename(path)}`)
}

test('a stock Dashboard uploads files of all sizes', async () => {
  const page = await open('stock-1')
  const paths = [folder.file('empty.txt', 0), folder.file('note.txt', KiB), folder.file('four.bin', 4 * MiB), folder.file('large.bin', 300_000_000)]
  await upload(page, ...paths)
  const { successful, failed } = await outcome(page)
  assert.deepEqual(failed, [])
  assert.equal(successful.length, 4)
  for (const path of paths) await assertStored('stock-1', path)
  const large = successful.find(({ name }) => name === 'large.bin')
  assert.equal(await digestURL(large.uploadURL), await digestFile(paths[3]), 'the location downloads the file')
  assert.equal(large.body.files[0].name, 'large.bin', 'the receipt is there')
  await page.screenshot({ path: `${process.env.SCREENSHOTS}/stock-done.png` })
  await page.close()
})

test('a stock Dashboard pauses, resumes and survives a lost connection', async () => {
  const page = await open('stock-2')
  const devtools = await page.context().newCDPSession(page)
  const line = (offline, up) => devtools.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput: up })
  await line(false, 40e6)
  const path = folder.file('video.bin', 300_000_000)
  await upload(page, path)
  await page.waitForFunction(() => /[2-9]\d%/.test(document.body.innerText))
  await page.getByRole('button', { name: 'Pause', exact: true }).first().click()
  await sleep(1000)
  await page.getByRole('button', { name: 'Resume', exact: true }).first().click()
  await sleep(1000)
  await line(true, -1)
  await sleep(2000)
  await line(false, -1)
  const { failed } = await outcome(page)
  assert.deepEqual(failed, [])
  await assertStored('stock-2', path)
  await page.close()
})

test('a stock Dashboard shows why a file is refused', async () => {
  const page = await open('stock-3')
  await upload(page, folder.file('small.exe', KiB))
  const { successful, failed } = await outcome(page)
  assert.deepEqual(successful, [])
  assert.match(failed[0].error, /^Files with this extension are not accepted/)
  await page.screenshot({ path: `${process.env.SCREENSHOTS}/stock-refused.png` })
  await page.close()
})
