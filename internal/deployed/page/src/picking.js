import { getDroppedFiles } from '@uppy/core/utils'

/**
 * Lets files be dropped and pasted anywhere on the page.
 *
 * @param {object} to
 * @param {(files: File[]) => void} to.add
 * @param {(isOver: boolean) => void} to.over says whether files hover above the page
 * @param {(message: string) => void} to.fail
 * @returns {() => void} ends it
 */
export function pick({ add, over, fail }) {
  let depth = 0 // enter and leave come for each element
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files')
  const enter = (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    depth++
    over(true)
  }
  const leave = (event) => {
    if (!hasFiles(event)) return
    depth = Math.max(0, depth - 1)
    if (depth === 0) over(false)
  }
  const hover = (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'copy'
  }
  const drop = async (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    depth = 0
    over(false)
    const lost = []
    const files = await getDroppedFiles(event.dataTransfer, { logDropError: (err) => lost.push(err) })
    if (lost.length > 0) fail('Some of what was dropped cannot be read.')
    if (files.length > 0) add(files)
  }
  const paste = (event) => {
    const files = Array.from(event.clipboardData?.files ?? [], named)
    if (files.length === 0) return
    event.preventDefault()
    add(files)
  }
  const listeners = { dragenter: enter, dragleave: leave, dragover: hover, drop, paste }
  for (const [name, listener] of Object.entries(listeners)) document.addEventListener(name, listener)
  return () => {
    for (const [name, listener] of Object.entries(listeners)) document.removeEventListener(name, listener)
  }
}

/** Browsers call each pasted picture image.png, which says nothing. */
function named(file) {
  if (file.name !== 'image.png') return file
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return new File([file], `pasted-${stamp}.png`, { type: file.type, lastModified: file.lastModified })
}
