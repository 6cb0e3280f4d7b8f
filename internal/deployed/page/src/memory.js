/**
 * Memory keeps what lets an upload go on after the page is loaded anew, for as
 * long as the tab lives. It holds no session key.
 */
export class Memory {
  #name = 'uploads'

  #read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#name)) ?? {}
    } catch {
      return {}
    }
  }

  #write(all) {
    try {
      sessionStorage.setItem(this.#name, JSON.stringify(all))
    } catch {
      // No room or no right to: the upload then starts anew.
    }
  }

  get(fingerprint) {
    return this.#read()[fingerprint] ?? null
  }

  set(fingerprint, upload) {
    this.#write({ ...this.#read(), [fingerprint]: upload })
  }

  delete(fingerprint) {
    const { [fingerprint]: gone, ...rest } = this.#read()
    if (gone) this.#write(rest)
  }
}
