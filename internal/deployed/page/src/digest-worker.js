// Hashes one file, piece by piece, so that its size does not matter.
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

const piece = 4 << 20

self.onmessage = async ({ data: blob }) => {
  const hash = sha256.create()
  try {
    for (let at = 0; at < blob.size; at += piece) {
      hash.update(new Uint8Array(await blob.slice(at, at + piece).arrayBuffer()))
      self.postMessage({ read: Math.min(at + piece, blob.size) })
    }
  } catch {
    self.postMessage({ failed: true })
    return
  }
  self.postMessage({ digest: bytesToHex(hash.digest()) })
}
