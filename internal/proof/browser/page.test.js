import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestFile, digestURL, Folder, unzip } from './files.js'
import { Stack } from './stack.js'
import { launch, Visitor } from './visitor.js'

const KiB = 1 << 10
const MiB = 1 << 20

let stack
let browser
let folder
let video // 300 MB

before(async () => {
  stack = await Stack.start({ ALLOWED_EXTENSIONS: '.bin,.txt,.png,.mp4' })
  browser = await launch()
  folder = new Folder()
  video = folder.file('video.mp4', 300_000_000)
})

after(async () => {
  await browser?.close()
  await stack?.close()
  folder?.remove()
})

/** Visits the page and sees to it that nothing went wrong unseen. */
async function visit(steps, options) {
  const visitor = await Visitor.arrive(browser, stack, options)
  try {
    await steps(visitor, visitor.page)
  } catch (err) {
    await visitor.screenshot('failed', { fullPage: true }).catch(() => {})
    throw err
  }
  await visitor.leave()
}

async function assertStored(visitor, path, name = basename(path)) {
  const file = (await visitor.files()).find((candidate) => candidate.name === name)
  assert.ok(file, `${name} is listed`)
  const want = await digestFile(path)
  assert.equal(await digestURL(file.url), want, `bytes of ${name}`)
  assert.equal(file.sha256, want, `listed hash of ${name}`)
}

function puts(visitor) {
  return visitor.requests.filter(({ method }) => method === 'PUT').length
}

test('files of all sizes arrive as they are, and come back', async () => {
  await visit(async (visitor, page) => {
    await visitor.screenshot('1-open')
    await visitor.enter()
    await visitor.screenshot('2-empty')
    const paths = [
      folder.file('empty.txt', 0),
      folder.file('note.txt', KiB),
      folder.file('inline.bin', 4 * MiB),
      folder.file('direct.bin', 4 * MiB + 1),
      video,
    ]
    await visitor.choose(...paths)
    await page.getByRole('heading', { name: /^Uploading/ }).waitFor()
    await visitor.screenshot('3-started')
    for (const path of paths) {
      await visitor.arrives(basename(path))
      await assertStored(visitor, path)
    }
    await page.getByRole('heading', { name: /^Uploading/ }).waitFor({ state: 'detached' })
    await visitor.screenshot('4-done', { fullPage: true })
    for (const path of [paths[1], video]) {
      const download = page.waitForEvent('download')
      await visitor.stored(basename(path)).getByRole('link', { name: `Download ${basename(path)}` }).click()
      const saved = await (await download).path()
      assert.equal(await digestFile(saved), await digestFile(path), `download of ${basename(path)}`)
      assert.equal((await download).suggestedFilename(), basename(path))
    }
  })
})

test('an upload goes on after the connection is lost', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    await visitor.line({ up: 40e6 })
    await visitor.choose(video)
    await visitor.reaches('video.mp4', 20)
    await visitor.line({ offline: true })
    await page.getByText('No connection. Trying again').waitFor()
    await visitor.screenshot('5-no-connection')
    await sleep(3000)
    const before = puts(visitor)
    await visitor.line()
    await visitor.arrives('video.mp4')
    await assertStored(visitor, video)
    // 36 parts in all; at most what was on its way and what was tried in vain is sent twice.
    assert.ok(puts(visitor) - before < 36, `${puts(visitor) - before} parts were sent after the loss`)
  })
})

test('an upload goes on after the server was restarted', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    await visitor.line({ up: 40e6 })
    await visitor.choose(video)
    await visitor.reaches('video.mp4', 20)
    await stack.stop()
    await page.getByText('No connection. Trying again').waitFor()
    await stack.start()
    await visitor.line()
    await visitor.arrives('video.mp4')
    await assertStored(visitor, video)
  })
})

test('an upload goes on after the page was loaded anew', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    await visitor.line({ up: 40e6 })
    await visitor.choose(video)
    await visitor.reaches('video.mp4', 50)
    page.on('dialog', (dialog) => dialog.accept())
    await page.reload()
    await page.getByRole('heading', { name: visitor.conversation }).waitFor()
    const before = puts(visitor)
    await visitor.line()
    await visitor.choose(video)
    await visitor.arrives('video.mp4')
    await assertStored(visitor, video)
    assert.ok(puts(visitor) - before < 25, `${puts(visitor) - before} of 36 parts were sent again`)
    assert.equal((await visitor.files()).length, 1)
  })
})

test('an upload is paused, resumed and cancelled', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    await visitor.line({ up: 10e6 })
    const other = folder.file('other.bin', 60 * MiB)
    await visitor.choose(video)
    await visitor.reaches('video.mp4', 3)
    await visitor.choose(other)
    await visitor.reaches('other.bin', 1)
    await visitor.screenshot('6-uploading')
    await page.getByRole('button', { name: 'Pause all' }).click()
    await page.getByRole('heading', { name: '2 files paused' }).waitFor()
    await sleep(500)
    const paused = puts(visitor)
    await visitor.screenshot('7-paused')
    await sleep(1500)
    assert.equal(puts(visitor), paused, 'parts sent while paused')
    await visitor.line()
    await page.getByRole('button', { name: 'Resume other.bin' }).click()
    await visitor.arrives('other.bin')
    await assertStored(visitor, other)
    const gone = page.waitForResponse((response) => response.request().method() === 'DELETE')
    await page.getByRole('button', { name: 'Cancel video.mp4' }).click()
    assert.equal((await gone).status(), 200)
    await page.getByRole('heading', { name: 'paused' }).waitFor({ state: 'detached' })
    await sleep(500)
    assert.deepEqual((await visitor.files()).map(({ name }) => name), ['other.bin'])
  })
})

test('a wrong key opens nothing', async () => {
  await visit(async (visitor, page) => {
    await visitor.open('wrong')
    await page.getByRole('alert').getByText('does not open this conversation').waitFor()
    await visitor.screenshot('8-wrong-key')
    assert.equal(await page.getByLabel('Session key', { exact: true }).evaluate((field) => field === document.activeElement), true)
    await visitor.enter()
  })
})

test('a key that was changed is asked for, and uploads then go on', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    await page.route('**/api/**', (route) => route.fulfill({ status: 401, json: { detail: 'Invalid session API key' } }))
    const note = folder.file('late.txt', KiB)
    await visitor.choose(note)
    await page.getByText('does not open this conversation any more').waitFor()
    await visitor.screenshot('9-key-changed')
    await page.unroute('**/api/**')
    await page.getByLabel('Session key', { exact: true }).fill(stack.key)
    await page.getByRole('button', { name: 'Go on' }).click()
    await visitor.arrives('late.txt')
    await assertStored(visitor, note)
    await page.getByText('does not open this conversation any more').waitFor({ state: 'detached' })
  })
})

test('the key stays in the tab', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    await page.reload()
    await page.getByRole('heading', { name: visitor.conversation }).waitFor()
    const kept = await page.evaluate(async () => ({
      local: JSON.stringify(localStorage),
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
      address: location.href,
    }))
    assert.deepEqual(kept, { local: '{}', cookies: '', databases: 0, address: `${stack.url}/` })
    await page.getByRole('button', { name: 'Close' }).click()
    await page.getByRole('heading', { name: 'Open a conversation' }).waitFor()
    assert.equal(await page.evaluate(() => JSON.stringify(sessionStorage)), '{}')
  })
})

test('a file that is not allowed is refused with the reason, and the others arrive', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    const good = folder.file('good.txt', KiB)
    await visitor.choose(folder.file('small.exe', KiB), folder.file('large.exe', 5 * MiB), good)
    await page.getByRole('heading', { name: '2 files refused' }).waitFor()
    const refused = page.getByRole('region', { name: '2 files refused' })
    for (const name of ['small.exe', 'large.exe']) {
      const row = refused.getByRole('listitem').filter({ hasText: name })
      assert.match(await row.innerText(), /Files with this extension are not accepted/)
    }
    await visitor.arrives('good.txt')
    await visitor.screenshot('a-refused', { fullPage: true })
    assert.deepEqual((await visitor.files()).map(({ name }) => name), ['good.txt'])
    await refused.getByRole('button', { name: 'Dismiss' }).click()
    await refused.waitFor({ state: 'detached' })
  })
})

test('two files of one name are both kept', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    const [one, two] = [new Folder(), new Folder()]
    try {
      for (const size of [KiB, 5 * MiB]) {
        for (const from of [one, two]) {
          const path = from.file(`same-${size}.bin`, size)
          await visitor.choose(path)
          await page.getByText(`same-${size}.bin uploaded`).first().waitFor()
        }
      }
      await page.getByText('uploaded from').nth(1).waitFor()
      const files = await visitor.files()
      assert.equal(files.length, 4)
      assert.equal(new Set(files.map(({ sha256 }) => sha256)).size, 4)
    } finally {
      one.remove()
      two.remove()
    }
  })
})

test('folders, drops and pasted files are taken', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    const tree = new Folder()
    try {
      tree.file('first.txt', KiB)
      tree.file('second.txt', KiB)
      await page.locator('input[webkitdirectory]').setInputFiles(tree.path)
      await visitor.arrives('first.txt')
      await visitor.arrives('second.txt')
    } finally {
      tree.remove()
    }
    const dropped = await page.evaluateHandle(() => {
      const data = new DataTransfer()
      data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }))
      return data
    })
    await page.dispatchEvent('body', 'dragenter', { dataTransfer: dropped })
    await page.getByText('Let go to upload').waitFor()
    await visitor.screenshot('b-drop')
    await page.dispatchEvent('body', 'drop', { dataTransfer: dropped })
    await visitor.arrives('dropped.txt')
    await page.evaluate(() => {
      const data = new DataTransfer()
      data.items.add(new File(['pasted'], 'image.png', { type: 'image/png' }))
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))
    })
    await visitor.arrives('pasted-')
    const files = await visitor.files()
    const content = async (prefix) => (await fetch(files.find(({ name }) => name.startsWith(prefix)).url)).text()
    assert.equal(await content('dropped'), 'dropped')
    assert.equal(await content('pasted'), 'pasted')
  })
})

test('a link is copied, and a file is deleted after a question', async () => {
  await visit(
    async (visitor, page) => {
      await visitor.enter()
      const path = folder.file('link & more.txt', KiB)
      await visitor.choose(path)
      await visitor.arrives('link & more.txt')
      await page.getByRole('button', { name: 'Copy the link to link & more.txt' }).click()
      await page.getByText('Link to link & more.txt copied').waitFor()
      const link = await page.evaluate(() => navigator.clipboard.readText())
      assert.equal(await digestURL(link), await digestFile(path))
      await page.getByRole('button', { name: 'Delete link & more.txt' }).click()
      await visitor.screenshot('c-delete')
      await page.getByRole('button', { name: 'Keep it' }).click()
      assert.equal((await visitor.files()).length, 1)
      await page.getByRole('button', { name: 'Delete link & more.txt' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
      await visitor.stored('link & more.txt').waitFor({ state: 'detached' })
      assert.deepEqual(await visitor.files(), [])
      assert.equal((await fetch(link)).status, 404)
    },
    { permissions: ['clipboard-read', 'clipboard-write'] },
  )
})

test('all files come as one archive', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    const paths = ['one.txt', 'two.bin', 'drei ü.txt'].map((name, i) => folder.file(name, (i + 1) * 300 * KiB))
    await visitor.choose(...paths)
    for (const path of paths) await visitor.arrives(basename(path))
    // The dialog that it opens is out of a test's reach.
    await page.evaluate(() => delete window.showSaveFilePicker)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download all as zip' }).click()
    assert.equal((await download).suggestedFilename(), `${visitor.conversation}.zip`)
    const entries = unzip(readFileSync(await (await download).path()))
    assert.equal(entries.size, 3)
    for (const path of paths) assert.ok(entries.get(basename(path))?.equals(readFileSync(path)), basename(path))
  })
})

test('files that are too much for an archive come one by one', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    const paths = ['one.txt', 'two.bin'].map((name) => folder.file(name, 10 * KiB))
    await visitor.choose(...paths)
    for (const path of paths) await visitor.arrives(basename(path))
    await page.route('**/zip', (route) => route.fulfill({ status: 413, json: { detail: 'The files are too much for one archive.' } }))
    await page.getByRole('button', { name: 'Download all as zip' }).click()
    await page.getByRole('alert').getByText('too much for one archive').waitFor()
    await visitor.screenshot('d-too-much')
    const downloads = []
    page.on('download', (download) => downloads.push(download))
    await page.getByRole('button', { name: 'Download them one by one' }).click()
    for (let tries = 0; downloads.length < 2 && tries < 100; tries++) await sleep(100)
    assert.deepEqual(downloads.map((download) => download.suggestedFilename()).sort(), ['one.txt', 'two.bin'])
    for (const download of downloads) {
      assert.equal(await digestFile(await download.path()), await digestFile(paths.find((path) => basename(path) === download.suggestedFilename())))
    }
  })
})

test('a link that is about to end is renewed', async () => {
  await visit(async (visitor, page) => {
    await visitor.enter()
    const path = folder.file('old.txt', KiB)
    await visitor.choose(path)
    await visitor.arrives('old.txt')
    await page.route('**/files?*', async (route) => {
      const response = await route.fetch()
      const json = await response.json()
      const files = json.files.map((file) => ({ ...file, url: `${file.url}0`, expires_at: new Date().toISOString() }))
      await route.fulfill({ response, json: { ...json, files } })
    }, { times: 1 })
    await page.getByRole('button', { name: 'Refresh' }).click()
    await page.locator('a[href$="0"]').first().waitFor()
    await sleep(300)
    const download = page.waitForEvent('download')
    await visitor.stored('old.txt').getByRole('link', { name: 'Download old.txt' }).click()
    assert.equal(await digestFile(await (await download).path()), await digestFile(path))
  })
})

test('everything is done with the keyboard', async () => {
  await visit(async (visitor, page) => {
    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent)
    const tabTo = async (name) => {
      for (let steps = 0; steps < 40; steps++) {
        if ((await focused())?.trim() === name) return
        await page.keyboard.press('Tab')
      }
      assert.fail(`${name} is not reached`)
    }
    const chooser = new Promise((resolve) => page.once('filechooser', resolve))
    await page.locator('[name=conversation]:focus').waitFor() // without a click
    await page.keyboard.type(visitor.conversation)
    await page.keyboard.press('Tab')
    await page.keyboard.type(stack.key)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: visitor.conversation }).waitFor()
    await tabTo('Files')
    await page.keyboard.press('Enter')
    await (await chooser).setFiles(folder.file('keys.txt', KiB))
    await visitor.arrives('keys.txt')
    await tabTo('Details of keys.txt')
    await page.keyboard.press('Enter')
    await page.getByText('1,024 bytes').waitFor()
    await tabTo('Delete keys.txt')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Keep it' }).and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.equal(await focused(), 'Delete keys.txt')
    // Asked again before the browser has told that the first question is closed.
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Keep it' }).and(page.locator(':focus')).waitFor()
    await page.evaluate(() => {
      document.querySelector('dialog').close()
      document.querySelector('[aria-label="Delete keys.txt"]').click()
    })
    await page.getByRole('button', { name: 'Keep it' }).and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Delete')
    await page.keyboard.press('Enter')
    await visitor.stored('keys.txt').waitFor({ state: 'detached' })
    await page.locator('#files-title:focus').waitFor() // the row is gone
  })
})

test('a phone does all of it by taps', async () => {
  await visit(
    async (visitor, page) => {
      await visitor.enter()
      await page.getByText('Add to the conversation').waitFor() // nobody drops files on a phone
      await visitor.screenshot('e-phone-empty')
      const chooser = page.waitForEvent('filechooser')
      await page.getByRole('button', { name: 'Files', exact: true }).tap()
      const path = folder.file('photo.png', 5 * MiB)
      await (await chooser).setFiles(path)
      await visitor.arrives('photo.png')
      await assertStored(visitor, path)
      await visitor.screenshot('f-phone-done')
      await page.getByRole('button', { name: 'Delete photo.png' }).tap()
      await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).tap()
      await visitor.stored('photo.png').waitFor({ state: 'detached' })
    },
    { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true },
  )
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong with the page as it is. */
async function flaws(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`))
}

for (const colorScheme of ['light', 'dark']) {
  test(`every state can be read by everybody, ${colorScheme}`, async () => {
    await visit(
      async (visitor, page) => {
        const check = async (state) => {
          await visitor.screenshot(`${colorScheme}-${state}`, { fullPage: true })
          assert.deepEqual(await flaws(page), [], state)
          await page.setViewportSize({ width: 360, height: 740 })
          const width = await page.evaluate(() => document.documentElement.scrollWidth)
          assert.ok(width <= 360, `${state} is ${width} px wide`)
          await visitor.screenshot(`${colorScheme}-${state}-phone`, { fullPage: true })
          await page.setViewportSize({ width: 1000, height: 760 })
        }
        await check('open')
        await visitor.enter()
        await check('empty')
        await visitor.line({ up: 20e6 })
        await visitor.choose(video, folder.file('a-name-without-end'.repeat(12) + '.txt', KiB), folder.file('bad.exe', KiB), folder.file('picture.png', 9 * MiB))
        await page.getByRole('heading', { name: '1 file refused' }).waitFor()
        await visitor.arrives('picture.png')
        await visitor.reaches('video.mp4', 5)
        await page.getByRole('button', { name: 'Details of picture.png' }).click()
        await check('uploading')
        await page.getByRole('button', { name: 'Pause video.mp4' }).click()
        await check('paused')
        await page.getByRole('button', { name: 'Delete picture.png' }).click()
        await check('question')
        await page.keyboard.press('Escape')
        await page.getByRole('button', { name: 'Cancel video.mp4' }).click()
      },
      { colorScheme },
    )
  })
}
