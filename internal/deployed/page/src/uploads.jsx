import { count, duration, size } from './format.js'
import { CloseIcon, PauseIcon, PlayIcon, RetryIcon, TypeIcon, WarningIcon } from './icons.jsx'

/** Rows that are drawn at once; a folder may hold thousands. */
const maxRows = 100

/** A file's rank in the list: what needs a person first, then what moves. */
function rank(file) {
  if (file.error) return 0
  if (file.isPaused) return 1
  return file.phase && file.phase !== 'waiting' ? 2 : 3
}

/** The files that are on their way. */
export function Uploads({ session }) {
  const { uppy } = session
  const files = uppy.getFiles()
  if (files.length === 0) return null
  const rows = files.toSorted((a, b) => rank(a) - rank(b)).slice(0, maxRows)
  return (
    <section class="card" aria-labelledby="uploads-title">
      <Total uppy={uppy} files={files} />
      <ul class="rows">
        {rows.map((file) => (
          <Upload key={file.id} uppy={uppy} file={file} />
        ))}
      </ul>
      {files.length > rows.length && <p class="more dim">and {count(files.length - rows.length, 'more file')}</p>}
    </section>
  )
}

function Total({ uppy, files }) {
  const waiting = files.filter((file) => !file.error && !file.progress.uploadComplete)
  const failed = files.filter((file) => file.error)
  const paused = waiting.filter((file) => file.isPaused)
  const isPaused = waiting.length > 0 && paused.length === waiting.length
  const total = files.reduce((sum, file) => sum + file.size, 0)
  const sent = files.reduce((sum, file) => sum + sentBytes(file), 0)
  const speed = waiting.reduce((sum, file) => sum + (file.phase === 'sending' && !file.isPaused ? (file.speed ?? 0) : 0), 0)
  const facts = [`${size(sent)} of ${size(total)}`]
  if (speed > 0) facts.push(`${size(speed)}/s`, `${duration((total - sent) / speed)} left`)
  return (
    <div class="section-head">
      <div class="grow">
        <h2 id="uploads-title">
          {waiting.length === 0 && failed.length > 0
            ? `${count(failed.length, 'file')} failed`
            : isPaused
              ? `${count(waiting.length, 'file')} paused`
              : `Uploading ${count(waiting.length, 'file')}`}
        </h2>
        {files.length > 1 && <p class="dim figures">{facts.join(' · ')}</p>}
      </div>
      <div class="buttons">
        {failed.length > 0 && <button onClick={() => uppy.retryAll()}>Retry</button>}
        {waiting.length > 1 &&
          (isPaused ? (
            <button onClick={() => uppy.resumeAll()}>Resume all</button>
          ) : (
            <button onClick={() => uppy.pauseAll()}>Pause all</button>
          ))}
        {files.length > 1 && (
          <button class="quiet" onClick={() => uppy.cancelAll()}>
            Cancel all
          </button>
        )}
      </div>
    </div>
  )
}

function sentBytes(file) {
  if (file.progress.uploadComplete || file.phase === 'finishing') return file.size
  return file.phase === 'sending' ? (file.bytes ?? 0) : 0
}

/** A word for where a file is on its way. */
function status(file) {
  const { phase, bytes = 0, speed = 0 } = file
  const progress = `${size(bytes)} of ${size(file.size)}`
  if (file.error) return file.error
  if (file.progress.uploadComplete) return 'Uploaded'
  if (file.isPaused) return phase === 'sending' ? `Paused · ${progress}` : 'Paused'
  if (file.notice) return file.notice
  if (phase === 'reading') return `Checking the file · ${percent(file)} %`
  if (phase === 'finishing') return 'Finishing…'
  if (phase !== 'sending') return `Waiting · ${size(file.size)}`
  if (speed <= 0) return progress
  return `${progress} · ${size(speed)}/s · ${duration((file.size - bytes) / speed)} left`
}

function percent({ size: total, bytes = 0, phase, progress }) {
  if (progress.uploadComplete || phase === 'finishing') return 100
  return total > 0 ? Math.floor((bytes / total) * 100) : 0
}

function state(file) {
  if (file.error) return 'failed'
  if (file.progress.uploadComplete) return 'done'
  if (file.isPaused) return 'paused'
  return file.notice ? 'stuck' : (file.phase ?? 'waiting')
}

function Upload({ uppy, file }) {
  const { id, name, error, isPaused } = file
  const isDone = file.progress.uploadComplete
  const isFixed = isDone || file.phase === 'finishing'
  return (
    <li class={`row upload ${state(file)}`}>
      <span class="type">{error ? <WarningIcon /> : <TypeIcon type={file.type} />}</span>
      <div class="grow">
        <p class="name" title={name}>
          {name}
        </p>
        <progress max="100" value={percent(file)} aria-label={`Upload of ${name}`} />
        <p class="facts figures">{status(file)}</p>
      </div>
      <div class="actions">
        {error && (
          <button class="quiet square" aria-label={`Retry ${name}`} title="Retry" onClick={() => uppy.retryUpload(id)}>
            <RetryIcon />
          </button>
        )}
        {!error && !isFixed && (
          <button
            class="quiet square"
            aria-label={`${isPaused ? 'Resume' : 'Pause'} ${name}`}
            title={isPaused ? 'Resume' : 'Pause'}
            onClick={() => uppy.pauseResume(id)}
          >
            {isPaused ? <PlayIcon /> : <PauseIcon />}
          </button>
        )}
        {!isFixed && (
          <button class="quiet square" aria-label={`Cancel ${name}`} title="Cancel" onClick={() => uppy.removeFile(id)}>
            <CloseIcon />
          </button>
        )}
      </div>
    </li>
  )
}

/** The files that were not taken, and why. */
export function Refused({ session }) {
  const { refused } = session
  if (refused.length === 0) return null
  return (
    <section class="card refused" aria-labelledby="refused-title">
      <div class="section-head">
        <h2 id="refused-title" class="grow">
          {count(refused.length, 'file')} refused
        </h2>
        <button class="quiet" onClick={() => session.dismiss()}>
          Dismiss
        </button>
      </div>
      <ul class="rows">
        {refused.slice(0, maxRows).map(({ id, name, reason }) => (
          <li class="row" key={id}>
            <span class="type">
              <WarningIcon />
            </span>
            <div class="grow">
              <p class="name" title={name}>
                {name}
              </p>
              <p class="facts">{reason}</p>
            </div>
          </li>
        ))}
      </ul>
      {refused.length > maxRows && <p class="more dim">and {count(refused.length - maxRows, 'more file')}</p>}
    </section>
  )
}
