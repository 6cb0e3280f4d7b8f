import Uppy from '@uppy/core'
import { Api } from './api.js'
import { baseOf } from './format.js'
import { Lanes } from './lanes.js'
import { RefusedError } from './transfer.js'

/** Files in one answer of the list. */
const pageSize = 100
const maxPageSize = 1000

/** Milliseconds for which uploads gather before the list is asked for anew. */
const gather = 400

/**
 * Session is one conversation that is open: its files, those on their way to it,
 * and those that were refused. Whoever subscribes is told of each change.
 */
export class Session {
  files = [] // as the API describes them, in its order
  next = null // cursor of the files that are not loaded; null where all are
  loading = false
  listError = ''
  refused = [] // {id, name, reason}
  fresh = new Map() // by key: the name that a file of this session was sent by
  denied = false // the key does not open the conversation any more
  zipping = null // {bytes} while an archive is being downloaded
  message = '' // what a screen reader is to say

  #subscribers = new Set()
  #refused = 0
  #refreshing = 0
  #due = false
  #stored = new Map() // by key: files that came in since the list was loaded

  constructor(conversation, key) {
    this.api = new Api(conversation, key)
    this.uppy = new Uppy({ id: 'page', autoProceed: true, allowMultipleUploadBatches: true })
    this.uppy.use(Lanes, { api: this.api })
    this.uppy.on('state-update', () => this.#changed())
    this.uppy.on('upload-success', this.#succeeded)
    this.uppy.on('upload-error', this.#failed)
    this.uppy.on('file-removed', this.#removed)
    this.uppy.on('restriction-failed', (file, err) => this.say(err.message))
    this.uppy.on('files-added', (files) => {
      this.say(files.length === 1 ? `${files[0].name} added` : `${files.length} files added`)
    })
  }

  get conversation() {
    return this.api.conversation
  }

  /** Loads the files; fails where the key is wrong. */
  async open() {
    const { files, next } = await this.api.list({ limit: pageSize })
    this.files = files
    this.next = next
    this.#changed()
  }

  /** Goes on with another key; fails where it is wrong. */
  async rekey(key) {
    await new Api(this.conversation, key).list({ limit: 1 })
    this.api.useKey(key)
    this.denied = false
    this.uppy.retryAll()
    await this.refresh()
  }

  close() {
    this.uppy.off('file-removed', this.#removed)
    this.uppy.destroy()
    this.#subscribers.clear()
  }

  /** @returns {() => void} ends the subscription */
  subscribe(subscriber) {
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  #changed() {
    for (const subscriber of this.#subscribers) subscriber()
  }

  say(message) {
    this.message = message
    this.#changed()
  }

  // ---- Uploads ----

  /** @param {File[]} files with a relativePath where they come from a folder */
  add(files) {
    this.uppy.addFiles(files.map((file) => ({ name: pathOf(file), type: file.type, data: file })))
  }

  /** Is there anything that would be lost with the page? */
  get isBusy() {
    return this.uppy.getFiles().some((file) => !file.progress.uploadComplete)
  }

  dismiss(id) {
    this.refused = id === undefined ? [] : this.refused.filter((file) => file.id !== id)
    this.#changed()
  }

  #succeeded = (file, { body }) => {
    this.fresh.set(body.key, file.name)
    this.#stored.set(body.key, body)
    this.say(body.name === file.name ? `${file.name} uploaded` : `${file.name} uploaded as ${body.name}`)
    this.#refreshSoon()
  }

  /** A file that is cancelled may have arrived just before. */
  #removed = (file) => {
    if (file.progress.uploadStarted && !file.progress.uploadComplete) this.#refreshSoon()
  }

  #failed = (file, err) => {
    if (err instanceof RefusedError) {
      this.refused = [...this.refused, { id: ++this.#refused, name: file.name, reason: err.message }]
      this.say(`${file.name} refused: ${err.message}`)
      this.uppy.removeFile(file.id)
      return
    }
    if (err.status === 401) this.denied = true
    this.say(`${file.name} failed: ${err.message}`)
  }

  // ---- The list ----

  #refreshSoon() {
    if (this.#due) return
    this.#due = true
    setTimeout(() => {
      this.#due = false
      this.refresh()
    }, gather)
  }

  /** Loads as many files as are shown anew. */
  async refresh() {
    const turn = ++this.#refreshing
    const stored = this.#stored
    this.#stored = new Map()
    this.loading = true
    this.#changed()
    try {
      const limit = Math.min(maxPageSize, Math.max(pageSize, this.files.length))
      const { files, next } = await this.api.list({ limit })
      if (turn !== this.#refreshing) {
        this.#keep(stored)
        return
      }
      this.#show(files, next, stored)
    } catch (err) {
      this.#keep(stored)
      if (turn === this.#refreshing) this.#listFailed(err)
    } finally {
      if (turn === this.#refreshing) this.loading = false
      this.#forgetUploads(stored)
      this.#changed()
    }
  }

  async more() {
    const turn = ++this.#refreshing
    this.loading = true
    this.#changed()
    try {
      const { files, next } = await this.api.list({ limit: pageSize, cursor: this.next })
      if (turn === this.#refreshing) this.#show([...this.files, ...files], next, new Map())
    } catch (err) {
      if (turn === this.#refreshing) this.#listFailed(err)
    } finally {
      if (turn === this.#refreshing) this.loading = false
      this.#changed()
    }
  }

  /** Shows a list, and the files that came in and lie beyond its end. */
  #show(files, next, stored) {
    const all = new Map(files.map((file) => [file.key, file]))
    for (const [key, file] of stored) {
      if (next && !all.has(key)) all.set(key, file)
    }
    this.files = [...all.values()]
    this.next = next
    this.listError = ''
    this.denied = false
  }

  #keep(stored) {
    this.#stored = new Map([...stored, ...this.#stored])
    const all = new Map(this.files.map((file) => [file.key, file]))
    for (const [key, file] of stored) all.set(key, file)
    this.files = [...all.values()]
  }

  #listFailed(err) {
    if (err.status === 401) this.denied = true
    this.listError = err.message
  }

  /** Takes uploads away that the list shows. */
  #forgetUploads(stored) {
    const done = this.uppy.getFiles().filter((file) => stored.has(file.response?.body.key))
    if (done.length > 0) this.uppy.removeFiles(done.map((file) => file.id))
  }

  async remove(file) {
    await this.api.remove(file.name)
    this.files = this.files.filter((other) => other.key !== file.key)
    this.fresh.delete(file.key)
    this.say(`${file.name} deleted`)
    this.#refreshSoon()
  }

  /** The file's URL, a fresh one where the known one is about to end. */
  async link(file) {
    if (Date.parse(file.expires_at) - Date.now() > 60_000) return file.url
    await this.refresh()
    const found = this.files.find((other) => other.key === file.key)
    if (!found?.url) throw new Error(this.listError || `${file.name} is not there any more.`)
    return found.url
  }

  /**
   * Downloads all files as one archive: to the disk as it comes where the
   * browser lets a page do that, otherwise by way of a Blob.
   */
  async zip() {
    const name = `${this.conversation}.zip`
    const control = new AbortController()
    this.zipping = { bytes: 0, cancel: () => control.abort() }
    this.say('The archive is being downloaded')
    try {
      const response = await this.api.zip(control.signal)
      const target = await this.#target(name, control)
      const counted = response.body.pipeThrough(this.#counter(), { signal: control.signal })
      if (target) await counted.pipeTo(target)
      else save(await new Response(counted, { headers: { 'Content-Type': 'application/zip' } }).blob(), name)
      this.say('The archive is downloaded')
    } catch (err) {
      if (!control.signal.aborted) throw err.name === 'ApiError' ? err : new Error('The archive broke off. Try again.')
    } finally {
      this.zipping = null
      this.#changed()
    }
  }

  /** A file on the disk, chosen once the archive is known to come. */
  async #target(name, control) {
    try {
      const handle = await window.showSaveFilePicker?.({ suggestedName: name })
      return await handle?.createWritable()
    } catch (err) {
      if (err.name === 'AbortError') control.abort() // the person thought better of it
      return null // not allowed to
    }
  }

  /** Downloads all files one after the other, where they are too much for one archive. */
  async downloadEach() {
    while (this.next && !this.listError) await this.more()
    if (this.listError) throw new Error(this.listError)
    for (const file of this.files) {
      if (!file.url) continue
      download(await this.link(file), baseOf(file.name))
      await new Promise((resolve) => setTimeout(resolve, 500)) // browsers drop what comes at once
    }
  }

  #counter() {
    return new TransformStream({
      transform: (chunk, controller) => {
        this.zipping = { ...this.zipping, bytes: this.zipping.bytes + chunk.byteLength }
        this.#changed()
        controller.enqueue(chunk)
      },
    })
  }
}

/** The name of a file with the folders that it comes from. */
function pathOf(file) {
  return (file.relativePath || file.webkitRelativePath || file.name).replace(/^\/+/, '')
}

function save(blob, name) {
  const url = URL.createObjectURL(blob)
  download(url, name)
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

function download(url, name) {
  Object.assign(document.createElement('a'), { href: url, download: name, rel: 'noreferrer' }).click()
}
