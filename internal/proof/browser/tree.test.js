// A project's folder, by every way that people send one.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, sep } from 'node:path'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import { digestURL, unzip } from './files.js'
import { freePort, Stack } from './stack.js'
import { launch, Visitor } from './visitor.js'

let stack
let browser
let parent // of the project
let project
let want // hashes by path
let server
let origin

before(async () => {
  const port = await freePort()
  origin = `http://localhost:${port}`
  stack = await Stack.start({ CORS_ALLOWED_ORIGINS: origin })
  browser = await launch()
  parent = mkdtempSync(join(tmpdir(), 'tree-'))
  project = join(parent, 'project')
  for (const path of paths()) {
    mkdirSync(join(project, dirname(path)), { recursive: true })
    writeFileSync(join(project, path), `content of ${path}\n`)
  }
  want = tree(parent)
  assert.equal(Object.keys(want).length, 200)
  server = await serve(port)
})

after(async () => {
  await browser?.close()
  server?.close()
  await stack?.close()
  if (parent) rmSync(parent, { recursive: true })
})

/** 200 files in 20 folders, some of them hidden. */
function paths() {
  const folders = ['', '.github/', '.github/workflows/', 'src/', 'src/日本語/ü/']
  while (folders.length < 20) folders.push(`src/part ${folders.length}/`)
  const names = ['.env', '.gitignore', 'index.html', 'main.py', 'README.md', 'a~b', 'x.tar.gz', 'data.bin', 'naïve plan.txt', 'package.json']
  return folders.flatMap((folder) => names.map((name) => folder + name))
}

/** The hashes of all files in a folder, by their paths in it. */
function tree(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return sorted(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [relative(folder, path).split(sep).join('/'), digest(readFileSync(path))]
    }),
  )
}

function sorted(entries) {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Serves the stock Dashboard, and a form as people write it. */
async function serve(port) {
  const { outputFiles } = await build({ entryPoints: ['stock/stock.js'], bundle: true, write: false, outdir: 'out', format: 'esm' })
  const files = Object.fromEntries(outputFiles.map(({ path, text }) => [`/${basename(path)}`, text]))
  files['/'] = readFileSync('stock/index.html', 'utf8')
  const action = `${stack.url}/api/conversations/tree-form/upload-files`
  files['/form'] = `<!doctype html><meta charset="utf-8"><form method="post" enctype="multipart/form-data" action="${action}">
    <input type="file" name="files" webkitdirectory><button>Send</button></form>`
  const types = { '.js': 'text/javascript', css: 'text/css' }
  return createServer(({ url }, response) => {
    const content = files[url]
    response.writeHead(content ? 200 : 404, { 'Content-Type': types[url.slice(-3)] ?? 'text/html' }).end(content)
  }).listen(port, 'localhost')
}

/** Drops a folder on a page, as the system does. */
async function drop(page, path, selector) {
  const devtools = await page.context().newCDPSession(page)
  const { x, y, width, height } = await page.locator(selector).first().boundingBox()
  const data = { items: [], files: [path], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await devtools.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data })
  }
}

/** All files of a conversation, as the API lists them. */
async function listed(conversation) {
  const files = []
  for (let cursor = ''; cursor !== null; ) {
    const page = await (await stack.api(conversation, `files?limit=1000&cursor=${cursor}`)).json()
    files.push(...page.files)
    cursor = page.next
  }
  return files
}

async function arrived(conversation, count, timeout = 120_000) {
  for (const end = Date.now() + timeout; Date.now() < end; ) {
    if ((await listed(conversation)).length >= count) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new Error(`${(await listed(conversation)).length} of ${count} files arrived`)
}

/** Wants the project wherever the conversation shows it. */
async function assertTree(conversation) {
  const list = []
  for (const { name, url } of await listed(conversation)) list.push([name, await digestURL(url)])
  assert.deepEqual(sorted(list), want, 'the list and its links')

  // The S3 server keeps its objects as files: they are what a sync brings.
  assert.deepEqual(tree(join(stack.dir, 's3', 'uploads', 'conversations', conversation)), want, 'the bucket')

  const entries = unzip(Buffer.from(await (await stack.api(conversation, 'zip')).arrayBuffer()))
  assert.deepEqual(sorted([...entries].map(([name, bytes]) => [name, digest(bytes)])), want, 'the archive')

  const script = await (await stack.api(conversation, 'fetch.sh')).text()
  const here = mkdtempSync(join(tmpdir(), 'fetched-'))
  try {
    execFileSync('sh', ['-s'], { cwd: here, input: script, stdio: ['pipe', 'pipe', 'inherit'] })
    assert.deepEqual(tree(here), want, 'what the script fetched')
  } finally {
    rmSync(here, { recursive: true })
  }
}

test('a folder that is dropped on the page', async () => {
  const visitor = await Visitor.arrive(browser, stack)
  await visitor.enter()
  await drop(visitor.page, project, 'body')
  await arrived(visitor.conversation, 200)
  await visitor.arrives('project/src/main.py')
  await visitor.screenshot('tree-dropped')
  await assertTree(visitor.conversation)
  await visitor.stored('project/.github/.env').getByRole('button', { name: /^Delete/ }).click()
  await visitor.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await visitor.stored('project/.github/.env').waitFor({ state: 'detached' })
  assert.equal((await listed(visitor.conversation)).length, 199)
  await visitor.leave()
})

test('a folder that is chosen in a form', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  // A form sends no header of its own; whoever has one puts a proxy in between.
  await page.route('**/upload-files', (route) => route.continue({ headers: { ...route.request().headers(), 'X-Session-API-Key': stack.key } }))
  await page.goto(`${origin}/form`)
  await page.locator('input').setInputFiles(project)
  const [response] = await Promise.all([page.waitForResponse('**/upload-files'), page.getByRole('button', { name: 'Send' }).click()])
  assert.equal(response.status(), 200)
  await assertTree('tree-form')
  await context.close()
})

test('a folder that curl sends', async () => {
  const form = Object.keys(want).flatMap((path) => ['-F', `files=@${join(parent, path)};filename=${path}`])
  const url = `${stack.url}/api/conversations/tree-curl/upload-files`
  execFileSync('curl', ['-q', '-fsS', '-o', '/dev/null', '-H', `X-Session-API-Key: ${stack.key}`, ...form, url])
  await assertTree('tree-curl')
})

test('a folder that is dropped on a stock Dashboard', async () => {
  const page = await browser.newPage()
  const settings = { endpoint: `${stack.url}/api/conversations/tree-stock`, headers: { 'X-Session-API-Key': stack.key } }
  await page.goto(`${origin}/#${encodeURIComponent(JSON.stringify(settings))}`)
  await page.locator('.uppy-Dashboard-input').first().waitFor({ state: 'attached' })
  await drop(page, project, '.uppy-Dashboard-inner')
  await page.getByRole('button', { name: /^Upload \d+ files/ }).click()
  await page.waitForFunction(() => window.results.length > 0, null, { timeout: 180_000 })
  const failed = await page.evaluate(() => window.results[0].failed.map(({ name, error }) => ({ name, error })))
  assert.deepEqual(failed, [])
  await assertTree('tree-stock')
  await page.close()
})
