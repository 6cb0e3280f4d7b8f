// SHA-256 of files. WebCrypto is several times as fast as a script, but it takes
// a file in one piece and exists on secure origins only; a worker does the rest.

/** Bytes that a file may have to be hashed in one piece. */
const maxWhole = 64 << 20

// Built by build.js: the worker's address, beside the page.
const workerURL = __WORKER__

/** A file that cannot be read any more. */
export class UnreadableError extends Error {
  name = 'UnreadableError'
  message = 'The file cannot be read. Was it changed, moved or removed?'
}

/** Fails with UnreadableError where a file is not what it was when it was chosen. */
export async function mustRead(blob) {
  try {
    await blob.slice(0, 1).arrayBuffer()
  } catch {
    throw new UnreadableError()
  }
}

/**
 * @param {Blob} blob
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(bytes: number) => void} options.onProgress
 * @returns {Promise<string>} in hex
 */
export function sha256(blob, { signal, onProgress }) {
  const isWhole = blob.size <= maxWhole && globalThis.crypto?.subtle
  return isWhole ? whole.next(() => inOnePiece(blob, signal)) : pieces.next(() => inWorker(blob, { signal, onProgress }))
}

/** Does one thing after the other. */
class Line {
  #last = Promise.resolve()

  next(action) {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    return turn
  }
}

// One file of a kind at a time: memory holds a few of 64 MiB and not a folder of
// them, and a disk gains nothing from many readers.
const whole = new Line()
const pieces = new Line()

async function inOnePiece(blob, signal) {
  signal.throwIfAborted()
  let bytes
  try {
    bytes = await blob.arrayBuffer()
  } catch {
    throw new UnreadableError()
  }
  signal.throwIfAborted()
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}

// Trusted Types, where the browser has them, let a script come from here alone.
const scripts = globalThis.trustedTypes?.createPolicy('upload-files', {
  createScriptURL(url) {
    if (url !== workerURL) throw new TypeError('not a script of this page')
    return url
  },
})

function inWorker(blob, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const worker = new Worker(scripts ? scripts.createScriptURL(workerURL) : workerURL)
    const abort = () => end(reject, signal.reason)
    function end(settle, value) {
      worker.terminate()
      signal.removeEventListener('abort', abort)
      settle(value)
    }
    signal.addEventListener('abort', abort)
    worker.onmessage = ({ data }) => {
      if (data.digest) end(resolve, data.digest)
      else if (data.failed) end(reject, new UnreadableError())
      else onProgress(data.read)
    }
    worker.onerror = () => end(reject, new Error('The file could not be checked.'))
    worker.postMessage(blob)
  })
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
