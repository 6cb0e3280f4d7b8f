// The way of one file: small ones inline, through the function, which verifies
// their hash and stores the same bytes once; all others straight to the store,
// in parts.
import { ApiError, send } from './api.js'
import { mustRead, sha256 } from './digest.js'

const MiB = 1 << 20

/** Bytes of a file that go inline: base64 makes a third more of them, and an event holds 6 MB. */
const maxInline = 4 * MiB

/** Bytes of a part. S3 takes 5 MiB and more, and 10,000 parts. */
const minPart = 8 * MiB
const maxParts = 10_000

/** Parts of one file that are on their way at once. */
const parallelParts = 4

/** Parts whose addresses are asked for at once. */
const batch = 16

/** A file that is not wanted. Sending it again would not help. */
export class RefusedError extends Error {
  name = 'RefusedError'
}

/** What was sent is lost, or its name is taken: the file has to be sent from its start. */
class LostError extends Error {
  name = 'LostError'
}

export class Transfer {
  #file
  #api
  #slots
  #memory
  #report
  #digest = ''
  #upload = null // {uploadId, key} of the direct lane
  #etags = new Map() // of parts that are there, by number
  #sending = new Map() // bytes of parts on their way, by number
  #urls = new Map() // of parts to come, by number
  #signing = null // the promise that fills #urls
  #sent = false // all parts are there

  /**
   * @param {object} o
   * @param {object} o.file Uppy's
   * @param {import('./api.js').Api} o.api
   * @param {import('./slots.js').Slots} o.slots
   * @param {import('./memory.js').Memory} o.memory of uploads that began before the page was loaded
   * @param {(change: object) => void} o.report takes phase, notice and bytes
   * @param {number} o.rank of the file; lower ones go first
   */
  constructor({ file, api, slots, memory, report, rank }) {
    this.#file = file
    this.#api = api
    this.#slots = slots
    this.#memory = memory
    this.#report = report
    this.rank = rank
  }

  /** It must not be interrupted: whether the file is stored is being decided. */
  get isFinishing() {
    return this.#sent
  }

  /**
   * Sends the file, or what is left of it after an earlier run was aborted.
   *
   * @param {AbortSignal} signal
   * @returns {Promise<object>} the file as the API describes it
   */
  async run(signal) {
    if (this.#file.size <= maxInline) {
      const stored = await this.#inline(signal)
      if (stored) return stored
    }
    await this.#hash(signal)
    for (let times = 1; ; times++) {
      try {
        return await this.#direct(signal)
      } catch (err) {
        if (!(err instanceof LostError) || times === 3) throw err
        this.#forget()
      }
    }
  }

  /** Takes back what is there of the file. */
  async abandon() {
    const upload = this.#upload
    this.#forget()
    if (upload) await this.#api.abort(upload)
  }

  #forget() {
    this.#memory.delete(this.#fingerprint)
    this.#upload = null
    this.#etags.clear()
    this.#sending.clear()
    this.#urls.clear()
    this.#sent = false
  }

  get #fingerprint() {
    return JSON.stringify([this.#api.conversation, this.#file.name, this.#file.size, this.#digest])
  }

  // ---- Inline ----

  /** Returns nothing where the file has to go by the direct lane. */
  async #inline(signal) {
    let answer
    try {
      answer = await this.#persist(signal, async () => {
        const free = await this.#slots.take(this.rank, signal)
        try {
          this.#report({ phase: 'sending', bytes: 0 })
          const onProgress = (bytes) => this.#report({ bytes: Math.min(bytes, this.#file.size) })
          return await this.#api.upload(this.#file, { signal, onProgress })
        } finally {
          free()
        }
      })
    } catch (err) {
      if (err.status === 413 && err.body?.direct) return null
      throw refusal(err)
    }
    const [stored] = answer.files
    if (stored) return stored
    const [{ code, reason }] = answer.skipped
    if (code === 'not_stored') throw new ApiError(reason, { status: 503 })
    throw new RefusedError(reason)
  }

  // ---- Direct ----

  async #hash(signal) {
    if (this.#digest) return
    this.#report({ phase: 'reading', bytes: 0 })
    this.#digest = await sha256(this.#file.data, { signal, onProgress: (bytes) => this.#report({ bytes }) })
  }

  async #direct(signal) {
    if (!this.#sent) {
      await this.#begin(signal)
      await this.#sendParts(signal)
    }
    return this.#finish(signal)
  }

  async #begin(signal) {
    this.#upload ??= this.#memory.get(this.#fingerprint)
    if (this.#upload) {
      await this.#recall(signal)
      return
    }
    this.#report({ phase: 'waiting', bytes: 0 })
    const { uploadId, key } = await this.#persist(signal, async () => {
      const free = await this.#slots.take(this.rank, signal)
      try {
        const { name, type, size } = this.#file
        const metadata = { size: String(size), sha256: this.#digest }
        return await this.#api.create({ filename: name, type, metadata }, signal)
      } finally {
        free()
      }
    }).catch((err) => {
      throw refusal(err)
    })
    this.#upload = { uploadId, key }
    this.#memory.set(this.#fingerprint, this.#upload)
  }

  /** Learns which parts are there. */
  async #recall(signal) {
    const parts = await this.#persist(signal, () => this.#api.parts(this.#upload, signal)).catch((err) => {
      if (err.status === 404) throw new LostError('The upload is not there any more.')
      throw refusal(err)
    })
    this.#sending.clear()
    this.#etags.clear()
    this.#urls.clear() // they may be from before a long pause
    for (const { PartNumber, Size, ETag } of parts) {
      if (Size === this.#part(PartNumber).size) this.#etags.set(PartNumber, ETag)
    }
    this.#progress()
  }

  get #partSize() {
    return Math.max(minPart, Math.ceil(this.#file.size / maxParts / MiB) * MiB)
  }

  get #partCount() {
    return Math.ceil(this.#file.size / this.#partSize)
  }

  #part(number) {
    return this.#file.data.slice((number - 1) * this.#partSize, number * this.#partSize)
  }

  get #missing() {
    const numbers = []
    for (let n = 1; n <= this.#partCount; n++) {
      if (!this.#etags.has(n)) numbers.push(n)
    }
    return numbers
  }

  async #sendParts(outer) {
    const failed = new AbortController()
    const signal = AbortSignal.any([outer, failed.signal])
    const numbers = this.#missing.values()
    const carry = async () => {
      for (const number of numbers) await this.#sendPart(number, signal)
    }
    try {
      await Promise.all(Array.from({ length: parallelParts }, carry))
    } catch (err) {
      failed.abort(err)
      throw err
    } finally {
      this.#sending.clear()
    }
  }

  async #sendPart(number, signal) {
    const body = this.#part(number)
    let refusals = 0
    const etag = await this.#persist(signal, async () => {
      const free = await this.#slots.take(this.rank, signal)
      try {
        const url = await this.#partURL(number, signal)
        this.#report({ phase: 'sending' })
        const onProgress = (bytes) => {
          this.#sending.set(number, bytes)
          this.#progress()
        }
        const xhr = await send({ method: 'PUT', url, body, signal, onProgress })
        return xhr.getResponseHeader('ETag')
      } catch (err) {
        this.#sending.delete(number)
        this.#urls.delete(number)
        if (err.status === 404) throw new LostError('The upload is not there any more.')
        // The address may have expired while the part waited for its turn.
        if (err.status === 403 && ++refusals < 3) throw new ApiError(err.message, { status: 503 })
        if (err.isNetwork) await mustRead(body)
        throw err
      } finally {
        free()
      }
    })
    this.#sending.delete(number)
    this.#etags.set(number, etag)
    this.#progress()
  }

  async #partURL(number, signal) {
    while (!this.#urls.has(number)) {
      this.#signing ??= this.#sign(number, signal).finally(() => {
        this.#signing = null
      })
      await this.#signing
    }
    return this.#urls.get(number)
  }

  async #sign(first, signal) {
    const numbers = this.#missing.filter((n) => n >= first && !this.#urls.has(n)).slice(0, batch)
    let urls
    try {
      urls = await this.#api.sign(this.#upload, numbers, signal)
    } catch (err) {
      throw err.status === 404 ? new LostError('The upload is not there any more.') : err
    }
    for (const n of numbers) {
      if (!urls[n]) throw new ApiError(`The server gave no address for part ${n}.`, { status: 400 })
      this.#urls.set(n, urls[n])
    }
  }

  async #finish(signal) {
    this.#sent = true
    this.#report({ phase: 'finishing', bytes: this.#file.size })
    let receipt
    try {
      const parts = await this.#completion(signal)
      receipt = await this.#persist(signal, () => this.#api.complete(this.#upload, parts, signal))
    } catch (err) {
      const isLost = err.status === 404 || err.status === 409 || err.body?.code === 'wrong_parts'
      throw isLost ? new LostError(err.message) : refusal(err)
    }
    this.#memory.delete(this.#fingerprint)
    return receipt.files[0]
  }

  /** The parts as the last step names them. */
  async #completion(signal) {
    if ([...this.#etags.values()].some((etag) => !etag)) {
      // The store lets this page not read the header, so the function is asked.
      await this.#recall(signal)
    }
    const parts = Array.from(this.#etags, ([PartNumber, ETag]) => ({ PartNumber, ETag }))
    return parts.sort((a, b) => a.PartNumber - b.PartNumber)
  }

  #progress() {
    let bytes = 0
    for (const number of this.#etags.keys()) bytes += this.#part(number).size
    for (const part of this.#sending.values()) bytes += part
    this.#report({ bytes: Math.min(bytes, this.#file.size) })
  }

  // ---- Patience ----

  /**
   * Does a step again while it may still succeed: as long as it takes where the
   * line is down, and for about two minutes where the server says that it
   * cannot.
   */
  async #persist(signal, step) {
    for (let times = 0; ; times++) {
      try {
        const value = await step()
        this.#report({ notice: '' })
        return value
      } catch (err) {
        signal.throwIfAborted()
        if (!err.isTemporary || (!err.isNetwork && times >= 10)) throw err
        this.#report({ notice: err.isNetwork ? 'No connection. Trying again…' : `${err.message} Trying again…` })
        await rest(Math.max(err.retryAfter, backoff(times)), signal)
      }
    }
  }
}

/** Says of an answer whether the file is to blame. */
function refusal(err) {
  const blame = err instanceof ApiError && [400, 403, 413, 415, 422].includes(err.status)
  return blame ? new RefusedError(err.message) : err
}

/** Milliseconds: half a second at first, 15 s at last, and never two pages at the same time. */
function backoff(times) {
  return Math.min(15_000, 500 * 2 ** times) * (0.75 + Math.random() / 2)
}

/** Waits, but no longer than until the browser is online again. */
function rest(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const end = (settle, value) => {
      clearTimeout(timer)
      removeEventListener('online', wake)
      signal.removeEventListener('abort', abort)
      settle(value)
    }
    const wake = () => end(resolve)
    const abort = () => end(reject, signal.reason)
    const timer = setTimeout(wake, milliseconds)
    addEventListener('online', wake)
    signal.addEventListener('abort', abort)
  })
}
