import { BasePlugin } from '@uppy/core'
import { filterFilesToEmitUploadStarted, filterFilesToUpload } from '@uppy/core/utils'
import { Memory } from './memory.js'
import { Slots } from './slots.js'
import { Transfer } from './transfer.js'

/** Requests with files in them at once: as many as browsers let go to one host by HTTP/1.1. */
const maxRequests = 6

/**
 * Uppy's uploader for the API's two lanes. A file's state gets `phase` (waiting,
 * reading, sending, finishing), `notice` (why it does not move), `bytes` (that
 * the phase is through with) and `speed` (bytes a second). Uppy's own progress
 * knows one phase, and no way back to its start.
 *
 * Why not @uppy/aws-s3: 5.x throws away what it has sent when it gives up; 6.x
 * gives Companion no headers, completes an upload behind the API's back, sends
 * the parts of a file one after the other and no hash. Neither reads a receipt.
 */
export class Lanes extends BasePlugin {
  #transfers = new Map() // by file id, until the file is stored or removed
  #running = new Map() // by file id: how to pause, resume and end its run
  #slots = new Slots(maxRequests)
  #memory = new Memory()
  #rank = 0

  constructor(uppy, opts) {
    super(uppy, opts)
    this.id = 'Lanes'
    this.type = 'uploader'
  }

  install() {
    const { capabilities } = this.uppy.getState()
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads: true } })
    this.uppy.addUploader(this.#upload)
    this.uppy.on('upload-pause', (file, isPaused) => this.#running.get(file.id)?.pause(isPaused))
    this.uppy.on('pause-all', () => this.#pauseAll(true))
    this.uppy.on('resume-all', () => this.#pauseAll(false))
    this.uppy.on('file-removed', this.#removed)
  }

  uninstall() {
    this.uppy.removeUploader(this.#upload)
  }

  #pauseAll(isPaused) {
    for (const run of this.#running.values()) run.pause(isPaused)
  }

  #removed = (file) => {
    this.#running.get(file.id)?.end()
    const transfer = this.#transfers.get(file.id)
    this.#transfers.delete(file.id)
    // What stays there is removed by the bucket's lifecycle after a week.
    transfer?.abandon().catch(() => {})
  }

  #upload = async (ids) => {
    const files = filterFilesToUpload(this.uppy.getFilesByIds(ids))
    this.uppy.emit('upload-start', filterFilesToEmitUploadStarted(files))
    await Promise.allSettled(files.map((file) => this.#carry(file)))
  }

  async #carry(file) {
    const run = new Run()
    this.#running.set(file.id, run)
    try {
      const stored = await this.#persevere(file, run)
      if (run.ended) return // what is stored all the same is in the list
      this.#transfers.delete(file.id)
      this.uppy.emit('upload-success', this.uppy.getFile(file.id), { status: 200, body: stored, uploadURL: stored.url })
    } catch (err) {
      if (!run.ended) this.uppy.emit('upload-error', this.uppy.getFile(file.id), err)
    } finally {
      if (this.#running.get(file.id) === run) this.#running.delete(file.id)
    }
  }

  /** Runs the file's transfer again after each pause. */
  async #persevere(file, run) {
    const transfer = this.#transfer(file)
    for (;;) {
      const signal = await run.ready(() => transfer.isFinishing)
      try {
        return await transfer.run(signal)
      } catch (err) {
        if (run.ended || !signal.aborted) throw err
      }
    }
  }

  #transfer(file) {
    const known = this.#transfers.get(file.id)
    if (known) return known
    const transfer = new Transfer({
      file,
      api: this.opts.api,
      slots: this.#slots,
      memory: this.#memory,
      rank: this.#rank++,
      report: this.#reporter(file.id),
    })
    this.#transfers.set(file.id, transfer)
    return transfer
  }

  /** Makes a file's state of what its transfer reports. */
  #reporter(id) {
    let phase = ''
    let notice = ''
    const speed = new Speed()
    return (change) => {
      const file = this.uppy.getFile(id)
      if (!file) return
      if ((change.phase ?? phase) !== phase || (change.notice ?? notice) !== notice) {
        phase = change.phase ?? phase
        notice = change.notice ?? notice
        speed.start()
        this.uppy.setFileState(id, { phase, notice, speed: 0 })
      }
      if (change.bytes === undefined || !speed.isDue(change.bytes, file.size)) return
      this.uppy.setFileState(id, { bytes: change.bytes, speed: speed.at(change.bytes) })
    }
  }
}

/** A run of a transfer, from the start or a retry to its end, with pauses. */
class Run {
  ended = false
  #control = new AbortController()
  #resume = null // wakes who waits for the end of a pause
  #isPaused = false
  #isFinishing = () => false

  /** Waits until it is not paused, and gives the signal of the next pause or end. */
  async ready(isFinishing) {
    this.#isFinishing = isFinishing
    while (this.#isPaused && !this.ended) {
      await new Promise((resolve) => {
        this.#resume = resolve
      })
    }
    if (this.ended) throw this.#control.signal.reason
    this.#control = new AbortController()
    return this.#control.signal
  }

  pause(isPaused) {
    this.#isPaused = isPaused
    if (!isPaused) this.#resume?.()
    else if (!this.#isFinishing()) this.#control.abort()
  }

  end() {
    this.ended = true
    this.#control.abort()
    this.#resume?.()
  }
}

/** Bytes a second over the last seconds. */
class Speed {
  #window = 5000
  #samples = []

  start() {
    this.#samples = []
  }

  /** A few times a second is often enough for a person. */
  isDue(bytes, size) {
    const last = this.#samples.at(-1)
    return !last || bytes === size || bytes < last.bytes || performance.now() - last.time > 150
  }

  at(bytes) {
    const time = performance.now()
    if (bytes < (this.#samples.at(-1)?.bytes ?? 0)) this.#samples = []
    this.#samples.push({ time, bytes })
    this.#samples = this.#samples.filter((sample) => time - sample.time < this.#window)
    const [first] = this.#samples
    return time - first.time < 500 ? 0 : ((bytes - first.bytes) * 1000) / (time - first.time)
  }
}
