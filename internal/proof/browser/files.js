// Files to send, and how to tell that they arrived.
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { inflateRawSync } from 'node:zlib'

const MiB = 1 << 20

export class Folder {
  path = mkdtempSync(join(tmpdir(), 'files-'))

  /** Makes a file of random bytes and returns its path. */
  file(name, size) {
    const path = join(this.path, name)
    const fd = openSync(path, 'w')
    for (let left = size; left > 0; left -= MiB) writeSync(fd, randomBytes(Math.min(left, MiB)))
    closeSync(fd)
    return path
  }

  remove() {
    rmSync(this.path, { recursive: true })
  }
}

/** SHA-256 of a stream, in hex. */
export async function digest(stream) {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

export function digestFile(path) {
  return digest(createReadStream(path))
}

export async function digestURL(url) {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} is answered ${response.status}`)
  return digest(Readable.fromWeb(response.body))
}

/** The entries of a small archive, by name. */
export function unzip(bytes) {
  const entries = new Map()
  let at = bytes.readUInt32LE(bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1') + 16)
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const method = bytes.readUInt16LE(at + 10)
    const size = bytes.readUInt32LE(at + 20)
    const nameSize = bytes.readUInt16LE(at + 28)
    const start = bytes.readUInt32LE(at + 42)
    const name = bytes.toString('utf8', at + 46, at + 46 + nameSize)
    const data = start + 30 + bytes.readUInt16LE(start + 26) + bytes.readUInt16LE(start + 28)
    const content = bytes.subarray(data, data + size)
    entries.set(name, method === 0 ? content : inflateRawSync(content))
    at += 46 + nameSize + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  return entries
}
