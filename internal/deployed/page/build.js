// Bundles the page into dist/. Run by refresh.sh, which installs what it needs.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = new URL('.', import.meta.url).pathname
const out = process.argv[2] ?? `${here}dist`
const modules = `${here}node_modules`

rmSync(out, { recursive: true, force: true })
mkdirSync(out)

/** Bundles one file; returns its bytes and the packages that are in it. */
async function bundle(entry, define = {}) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: here,
    entryPoints: [`src/${entry}`],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    legalComments: 'none', // licenses.txt has the texts
    charset: 'ascii',
    format: entry.endsWith('.css') ? undefined : 'iife',
    target: ['chrome120', 'firefox124', 'safari17.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define,
  })
  const packages = Object.keys(metafile.inputs).flatMap((input) => {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)
    return found ? [found[1]] : []
  })
  return { bytes: Buffer.from(outputFiles[0].contents), packages }
}

/** Writes a file under a name that holds its hash, and returns that name. */
function emit(name, bytes) {
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 12)
  const [stem, extension] = name.split('.')
  const hashed = `${stem}-${hash}.${extension}`
  write(hashed, bytes)
  return hashed
}

/** Compressed without a time, so that the same bytes give the same file. */
function write(name, bytes) {
  writeFileSync(`${out}/${name}.gz`, gzipSync(bytes, { level: 9 }))
}

/** The licence text of a package, which some have in their README alone. */
function licence(folder) {
  const entries = readdirSync(folder)
  const file = entries.find((entry) => /^licen[cs]e/i.test(entry))
  if (file) return readFileSync(`${folder}/${file}`, 'utf8').trim()
  const readme = readFileSync(`${folder}/README.md`, 'utf8')
  const [, text] = /^## Licen[cs]e.*\n([^]*)/im.exec(readme)
  return text.trim()
}

/** The licence texts of packages, in the order of their names. */
function licences(packages) {
  const texts = [...new Set(packages)].sort().map((name) => {
    const folder = `${modules}/${name}`
    const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
    return `${name} ${version} (${license})\n\n${licence(folder)}\n`
  })
  return `This page contains the following packages.\n\n${texts.join(`\n${'-'.repeat(72)}\n\n`)}`
}

const worker = await bundle('digest-worker.js')
const workerName = emit('digest.js', worker.bytes)
const main = await bundle('main.jsx', { __WORKER__: JSON.stringify(`page/${workerName}`) })
const style = await bundle('page.css')
const names = {
  'page/main.js': emit('main.js', main.bytes),
  'page/page.css': emit('page.css', style.bytes),
  'page/icon.svg': emit('icon.svg', readFileSync(`${here}src/icon.svg`)),
  'page/licenses.txt': emit('licenses.txt', licences([...main.packages, ...worker.packages])),
}
let html = readFileSync(`${here}src/index.html`, 'utf8')
for (const [source, name] of Object.entries(names)) html = html.replace(`"${source}"`, `"page/${name}"`)
write('index.html', html)

// What it was made of, for the test that looks for changes since.
const inputs = ['build.js', 'package.json', 'package-lock.json', ...readdirSync(`${here}src`).map((name) => `src/${name}`)].sort()
const sums = inputs.map((name) => `${createHash('sha256').update(readFileSync(here + name)).digest('hex')}  ${name}\n`)
writeFileSync(`${out}/inputs.sha256`, sums.join(''))
