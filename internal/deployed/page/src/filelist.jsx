import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { ago, baseOf, count, moment, size } from './format.js'
import { CheckIcon, DownloadIcon, InfoIcon, LinkIcon, RetryIcon, TrashIcon, TypeIcon } from './icons.jsx'

/** The conversation's files. */
export function FileList({ session }) {
  const { files, next, loading, listError, zipping } = session
  const [question, setQuestion] = useState(null) // { number, file }: whether to delete it
  const [error, setError] = useState(null)
  const title = useRef(null)
  const isDeleted = useRef(false)
  const asked = useRef(0)
  const total = files.reduce((sum, file) => sum + file.size, 0)

  const attempt = async (action) => {
    setError(null)
    try {
      await action()
    } catch (err) {
      setError(err)
    }
  }
  const ask = (file) => setQuestion({ number: ++asked.current, file })
  // A browser tells that a question was closed a moment later, when there may be
  // another already.
  const close = (closed) => setQuestion((open) => (open === closed ? null : open))
  const remove = async () => {
    await attempt(() => session.remove(question.file))
    isDeleted.current = true
    close(question)
  }
  useLayoutEffect(() => {
    if (question || !isDeleted.current) return
    isDeleted.current = false
    title.current.focus() // the row with the button is gone
  }, [question])

  return (
    <section class="card" aria-labelledby="files-title" aria-busy={loading}>
      <div class="section-head">
        <div class="grow">
          <h2 id="files-title" tabindex={-1} ref={title}>
            Files
          </h2>
          <p class="dim figures">
            {files.length === 0 ? 'None yet' : `${count(files.length, 'file')}${next ? ' and more' : ''} · ${size(total)}`}
          </p>
        </div>
        <div class="buttons">
          <button class="quiet square" aria-label="Refresh" title="Refresh" onClick={() => session.refresh()} disabled={loading}>
            <RetryIcon />
          </button>
          {files.length > 0 &&
            (zipping ? (
              <button onClick={zipping.cancel}>
                Stop the archive <span class="figures">({size(zipping.bytes)})</span>
              </button>
            ) : (
              <button onClick={() => attempt(() => session.zip())}>Download all as zip</button>
            ))}
        </div>
      </div>
      <div class="error" role="alert" hidden={!error && !listError}>
        <p>{error?.message ?? listError}</p>
        {error?.status === 413 && (
          <p class="buttons">
            <button onClick={() => attempt(() => session.downloadEach())}>Download them one by one</button>
          </p>
        )}
      </div>
      <ul class="rows">
        {files.map((file) => (
          <File key={file.key} session={session} file={file} attempt={attempt} onDelete={() => ask(file)} />
        ))}
      </ul>
      {next && (
        <p class="more">
          <button onClick={() => session.more()} disabled={loading}>
            Show more
          </button>
        </p>
      )}
      {question && (
        <Confirm key={question.number} file={question.file} onCancel={() => close(question)} onConfirm={remove} />
      )}
    </section>
  )
}

function File({ session, file, attempt, onDelete }) {
  const { name, url, status, modified } = file
  const [isOpen, setOpen] = useState(false)
  const [isCopied, setCopied] = useState(false)
  const sentAs = session.fresh.get(file.key)
  const details = useRef(`details-${Math.random().toString(36).slice(2)}`).current

  const follow = async (event) => {
    if (Date.parse(file.expires_at) - Date.now() > 60_000) return
    event.preventDefault()
    await attempt(async () => location.assign(await session.link(file)))
  }
  const copy = () =>
    attempt(async () => {
      await copyText(session.link(file))
      session.say(`Link to ${name} copied`)
      setCopied(true)
      setTimeout(() => setCopied(false), 2000)
    })

  return (
    <li class={sentAs === undefined ? 'row file' : 'row file fresh'}>
      <span class="type">
        <TypeIcon type={file.content_type} />
      </span>
      <div class="grow">
        <p class="name" title={name}>
          {url ? (
            <a href={url} download={baseOf(name)} rel="noreferrer" onClick={follow}>
              {name}
            </a>
          ) : (
            name
          )}
        </p>
        <p class="facts figures">
          {size(file.size)}
          {modified && (
            <>
              {' · '}
              <time datetime={modified} title={moment(modified)}>
                {ago(modified)}
              </time>
            </>
          )}
          {status === 'pending' && ' · being checked, not to be downloaded yet'}
          {status === 'blocked' && ' · blocked by the check, not to be downloaded'}
          {sentAs !== undefined && (
            <span class="badge">{sentAs === name ? 'just uploaded' : `uploaded from ${sentAs}`}</span>
          )}
        </p>
        <dl class="details figures" id={details} hidden={!isOpen}>
          <dt>Name</dt>
          <dd>{name}</dd>
          <dt>Type</dt>
          <dd>{file.content_type || 'unknown'}</dd>
          <dt>Size</dt>
          <dd>{count(file.size, 'byte')}</dd>
          <dt>SHA-256</dt>
          <dd class="hash">{file.sha256 || 'not known'}</dd>
          {file.expires_at && url && (
            <>
              <dt>Link</dt>
              <dd>works until {moment(file.expires_at)}</dd>
            </>
          )}
        </dl>
      </div>
      <div class="actions">
        <button
          class="quiet square"
          aria-label={`Details of ${name}`}
          title="Details"
          aria-expanded={isOpen}
          aria-controls={details}
          onClick={() => setOpen(!isOpen)}
        >
          <InfoIcon />
        </button>
        {url && (
          <>
            <a class="button quiet square" href={url} download={baseOf(name)} rel="noreferrer" aria-label={`Download ${name}`} title="Download" onClick={follow}>
              <DownloadIcon />
            </a>
            <button class="quiet square" aria-label={`Copy the link to ${name}`} title="Copy link" onClick={copy}>
              {isCopied ? <CheckIcon /> : <LinkIcon />}
            </button>
          </>
        )}
        <button class="quiet square danger" aria-label={`Delete ${name}`} title="Delete" onClick={onDelete}>
          <TrashIcon />
        </button>
      </div>
    </li>
  )
}

/**
 * Copies a text that is to come. The clipboard is taken while the click still
 * counts; browsers that want the text at once get it by the older way.
 */
async function copyText(coming) {
  const text = await coming
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text)
    return
  }
  const field = Object.assign(document.createElement('textarea'), { value: text, readOnly: true })
  field.className = 'sr-only'
  document.body.append(field)
  field.select()
  const isCopied = document.execCommand('copy')
  field.remove()
  if (!isCopied) throw new Error('The browser does not let the page copy.')
}

/** Asks before a file is deleted. */
function Confirm({ file, onCancel, onConfirm }) {
  const dialog = useRef(null)
  const [isDeleting, setDeleting] = useState(false)
  useLayoutEffect(() => dialog.current.showModal(), []) // before the next key
  const confirm = () => {
    setDeleting(true)
    onConfirm()
  }
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={onCancel}>
      <h2 id="confirm-title">Delete this file?</h2>
      <p class="name">{file.name}</p>
      <p class="dim">Its links stop working. This cannot be undone here.</p>
      <p class="buttons end">
        <button onClick={() => dialog.current.close()} autofocus>
          Keep it
        </button>
        <button class="primary danger" onClick={confirm} disabled={isDeleting}>
          {isDeleting ? 'Deleting…' : 'Delete'}
        </button>
      </p>
    </dialog>
  )
}
