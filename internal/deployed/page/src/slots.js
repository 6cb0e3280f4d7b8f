/** Slots bound how many requests run at once. A free one goes to the lowest rank. */
export class Slots {
  #free
  #waiting = []

  /** @param {number} size */
  constructor(size) {
    this.#free = size
  }

  /**
   * Waits for a slot.
   *
   * @param {number} rank
   * @param {AbortSignal} signal ends the wait
   * @returns {Promise<() => void>} gives the slot back; further calls do nothing
   */
  take(rank, signal) {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const waiter = { rank, resolve, leave: () => {} }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(signal.reason)
      }
      waiter.leave = () => signal.removeEventListener('abort', abort)
      signal.addEventListener('abort', abort, { once: true })
      const at = this.#waiting.findIndex((other) => other.rank > rank)
      this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, waiter)
      this.#next()
    })
  }

  #next() {
    if (this.#free === 0 || this.#waiting.length === 0) return
    this.#free--
    const { resolve, leave } = this.#waiting.shift()
    leave()
    let taken = true
    resolve(() => {
      if (!taken) return
      taken = false
      this.#free++
      this.#next()
    })
  }
}
