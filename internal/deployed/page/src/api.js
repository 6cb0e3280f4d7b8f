// The API of one conversation, as it is described at /openapi.json.

/** A failed request. */
export class ApiError extends Error {
  name = 'ApiError'

  /**
   * @param {string} message for the person who looks on
   * @param {object} about
   * @param {number} [about.status] of the answer; 0 where there was none
   * @param {object} [about.body] of the answer
   * @param {number} [about.retryAfter] milliseconds
   */
  constructor(message, { status = 0, body = null, retryAfter = 0 } = {}) {
    super(message)
    this.status = status
    this.body = body
    this.retryAfter = retryAfter
  }

  /** No answer arrived: the line or the server is down. */
  get isNetwork() {
    return this.status === 0
  }

  /** The same request may succeed later. */
  get isTemporary() {
    return this.isNetwork || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

const noAnswer = 'No connection'

/** Makes an ApiError of an answer. */
function refused(status, text, retryAfter) {
  let body = null
  try {
    body = JSON.parse(text)
  } catch {
    // Not the function's own words: a gateway's, or the store's XML.
  }
  const detail = typeof body?.detail === 'string' ? body.detail : body?.message
  const seconds = Number(retryAfter)
  return new ApiError(typeof detail === 'string' ? detail : `The server answered with status ${status}`, {
    status,
    body,
    retryAfter: Number.isFinite(seconds) ? seconds * 1000 : 0,
  })
}

/**
 * Sends a body and tells how much of it is gone, which fetch cannot.
 *
 * @param {object} request
 * @param {number} request.stall milliseconds without any progress that end it
 * @returns {Promise<XMLHttpRequest>} with a status of 2xx
 */
export function send({ method, url, headers = {}, body, signal, onProgress = () => {}, stall = 60_000 }) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const xhr = new XMLHttpRequest()
    let watch
    const alive = () => {
      clearTimeout(watch)
      watch = setTimeout(() => xhr.abort(), stall)
    }
    const abort = () => xhr.abort()
    xhr.upload.onprogress = (event) => {
      alive()
      onProgress(event.loaded)
    }
    xhr.onloadend = () => {
      clearTimeout(watch)
      signal.removeEventListener('abort', abort)
      if (signal.aborted) reject(signal.reason)
      else if (xhr.status === 0) reject(new ApiError(noAnswer))
      else if (xhr.status < 200 || xhr.status > 299) {
        reject(refused(xhr.status, xhr.responseText, xhr.getResponseHeader('Retry-After')))
      } else resolve(xhr)
    }
    signal.addEventListener('abort', abort)
    xhr.open(method, url)
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    alive()
    xhr.send(body)
  })
}

export class Api {
  /**
   * @param {string} conversation
   * @param {string} key the conversation's session key
   */
  constructor(conversation, key) {
    this.conversation = conversation
    this.useKey(key)
    // Beside the page, whatever stands before it in the path.
    this.base = new URL(`api/conversations/${encodeURIComponent(conversation)}/`, document.baseURI)
  }

  useKey(key) {
    this.headers = { 'X-Session-API-Key': key }
  }

  /** The address of a route, such as "files". */
  url(path, query = {}) {
    const url = new URL(path, this.base)
    for (const [name, value] of Object.entries(query)) {
      if (value != null) url.searchParams.set(name, value)
    }
    return url
  }

  /** @returns {Promise<Response>} with a status of 2xx */
  async request(method, path, { query, json, signal } = {}) {
    let response
    try {
      response = await fetch(this.url(path, query), {
        method,
        signal,
        headers: json ? { ...this.headers, 'Content-Type': 'application/json' } : this.headers,
        body: json && JSON.stringify(json),
        cache: 'no-store',
        credentials: 'omit',
      })
    } catch (err) {
      signal?.throwIfAborted()
      throw new ApiError(noAnswer, { cause: err })
    }
    if (response.ok) return response
    const text = await response.text().catch(() => '')
    throw refused(response.status, text, response.headers.get('Retry-After'))
  }

  /** @returns {Promise<any>} the answer's JSON */
  async json(method, path, options = {}) {
    const response = await this.request(method, path, options)
    try {
      return await response.json()
    } catch {
      options.signal?.throwIfAborted()
      throw new ApiError(noAnswer) // it broke off
    }
  }

  /** One page of the conversation's files. */
  list({ limit, cursor, signal } = {}) {
    return this.json('GET', 'files', { query: { limit, cursor }, signal })
  }

  /** Deletes a file; one that is not there is deleted already. */
  remove(name) {
    return this.request('DELETE', `files/${name.split('/').map(encodeURIComponent).join('/')}`)
  }

  /** @returns {Promise<Response>} the conversation's files as a stream */
  zip(signal) {
    return this.request('GET', 'zip', { signal })
  }

  /** Sends a small file by the inline lane. */
  async upload(file, { signal, onProgress }) {
    const body = new FormData()
    body.append('files', file.data, file.name)
    const xhr = await send({ method: 'POST', url: this.url('upload-files'), headers: this.headers, body, signal, onProgress })
    return JSON.parse(xhr.responseText)
  }

  // The direct lane, in the shapes of Uppy's Companion.

  create({ filename, type, metadata }, signal) {
    return this.json('POST', 's3/multipart', { json: { filename, type, metadata }, signal })
  }

  parts({ uploadId, key }, signal) {
    return this.json('GET', `s3/multipart/${encodeURIComponent(uploadId)}`, { query: { key }, signal })
  }

  async sign({ uploadId, key }, numbers, signal) {
    const answer = await this.json('GET', `s3/multipart/${encodeURIComponent(uploadId)}/batch`, {
      query: { key, partNumbers: numbers.join(',') },
      signal,
    })
    return answer.presignedUrls
  }

  complete({ uploadId, key }, parts, signal) {
    return this.json('POST', `s3/multipart/${encodeURIComponent(uploadId)}/complete`, {
      query: { key },
      json: { parts },
      signal,
    })
  }

  abort({ uploadId, key }) {
    return this.request('DELETE', `s3/multipart/${encodeURIComponent(uploadId)}`, { query: { key } })
  }
}
