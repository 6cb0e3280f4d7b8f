// A person at a browser, and what the browser noticed.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

let conversations = 0

export class Visitor {
  /** Opens the page in a profile of its own, for a conversation of its own. */
  static async arrive(browser, stack, options = {}) {
    const visitor = new Visitor()
    visitor.stack = stack
    visitor.conversation = `browser-${++conversations}`
    visitor.violations = []
    visitor.errors = []
    visitor.requests = []
    visitor.context = await browser.newContext({ viewport: { width: 1000, height: 760 }, acceptDownloads: true, ...options })
    await visitor.context.exposeBinding('noteViolation', (_, text) => visitor.violations.push(text))
    await visitor.context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        window.noteViolation(`${event.violatedDirective}: ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`)
      })
    })
    visitor.context.on('request', (request) => visitor.requests.push({ method: request.method(), url: request.url() }))
    visitor.page = await visitor.context.newPage()
    visitor.page.on('pageerror', (err) => visitor.errors.push(err.message))
    visitor.devtools = await visitor.context.newCDPSession(visitor.page)
    await visitor.page.goto(stack.url)
    return visitor
  }

  /** Types conversation and key. */
  async open(key = this.stack.key) {
    await this.page.getByLabel('Conversation').fill(this.conversation)
    await this.page.getByLabel('Session key', { exact: true }).fill(key)
    await this.page.getByRole('button', { name: 'Open', exact: true }).click()
  }

  /** Opens the conversation and waits for it. */
  async enter() {
    await this.open()
    await this.page.getByRole('heading', { name: this.conversation }).waitFor()
  }

  async choose(...paths) {
    await this.page.locator('input[type=file][multiple]').setInputFiles(paths)
  }

  /** The row of a file that is stored. */
  stored(name) {
    return this.page.getByRole('region', { name: 'Files', exact: true }).getByRole('listitem').filter({ hasText: name })
  }

  async arrives(name, timeout = 90_000) {
    await this.stored(name).waitFor({ timeout })
  }

  /** Waits until so much of an upload is done. */
  async reaches(name, percent) {
    await this.page.waitForFunction(
      ([label, least]) => document.querySelector(`progress[aria-label="${label}"]`)?.matches('.sending progress') && document.querySelector(`progress[aria-label="${label}"]`).value >= least,
      [`Upload of ${name}`, percent],
      { timeout: 60_000 },
    )
  }

  /** The line that a visitor has: bytes a second, or none. */
  async line({ up = -1, offline = false } = {}) {
    await this.devtools.send('Network.emulateNetworkConditions', { offline, latency: 0, downloadThroughput: -1, uploadThroughput: up })
  }

  /** The conversation's files, as the API lists them. */
  async files() {
    const response = await this.stack.api(this.conversation, 'files')
    assert.equal(response.status, 200)
    return (await response.json()).files
  }

  async screenshot(name, options = {}) {
    await this.page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), ...options })
  }

  /** Ends the visit, and says what must be true of each. */
  async leave({ hosts = [new URL(this.stack.url).host, new URL(this.stack.s3).host] } = {}) {
    const { requests, violations, errors, page } = this
    await page.evaluate(() => {}) // what was noted has arrived
    await this.context.close()
    assert.deepEqual(violations, [], 'violations of the security policy')
    assert.deepEqual(errors, [], 'errors of the page')
    const foreign = requests.filter(({ url }) => /^(https?|wss?):/.test(url) && !hosts.includes(new URL(url).host))
    assert.deepEqual(foreign, [], 'requests to other sites')
    const leaks = requests.filter(({ url }) => url.includes(this.stack.key))
    assert.deepEqual(leaks, [], 'addresses with the session key')
  }
}
