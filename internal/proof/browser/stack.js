// The product as `make run` starts it, on ports and data of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const repository = process.env.REPOSITORY

/** A port that nobody uses. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

export class Stack {
  /** @param {object} settings of the function */
  static async start(settings = {}) {
    const stack = new Stack()
    stack.dir = mkdtempSync(join(tmpdir(), 'browser-'))
    const [port, s3Port] = [await freePort(), await freePort()]
    stack.environment = { ...process.env, ...settings, PORT: port, S3_PORT: s3Port, LOCAL_DIR: stack.dir }
    stack.url = `http://localhost:${port}`
    stack.s3 = `http://127.0.0.1:${s3Port}`
    await stack.start()
    return stack
  }

  /** Starts it, and again after stop, on the same ports and data. */
  async start() {
    this.make = spawn('make', ['run'], { cwd: repository, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] })
    this.ended = once(this.make, 'exit')
    let said = ''
    await new Promise((resolve, reject) => {
      const hear = (data) => {
        said += data
        if (/^ {2}curl /m.test(said)) resolve()
      }
      this.make.stdout.on('data', hear)
      this.make.stderr.on('data', hear)
      this.ended.then(() => reject(new Error(`make run ended:\n${said}`)))
    })
    this.key = /X-Session-API-Key: ([^']+)'/.exec(said)[1]
  }

  /** Interrupts it as Ctrl-C does. */
  async stop() {
    const [, pid] = /^process (\d+),/.exec(readFileSync(join(this.dir, 'lock'), 'utf8'))
    process.kill(Number(pid), 'SIGINT')
    await this.ended
  }

  async close() {
    await this.stop()
    rmSync(this.dir, { recursive: true })
  }

  /** @returns {Promise<Response>} the API's answer */
  api(conversation, path, options = {}) {
    return fetch(`${this.url}/api/conversations/${conversation}/${path}`, {
      ...options,
      headers: { 'X-Session-API-Key': this.key },
    })
  }
}
