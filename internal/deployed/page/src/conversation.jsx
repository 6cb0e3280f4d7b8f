import { useEffect, useReducer, useRef, useState } from 'preact/hooks'
import { explain, KeyField } from './connect.jsx'
import { FileList } from './filelist.jsx'
import { UploadIcon } from './icons.jsx'
import { pick } from './picking.js'
import { Refused, Uploads } from './uploads.jsx'

/** Draws again at most once a frame, however often the session changes. */
function useSession(session) {
  const [, draw] = useReducer((n) => n + 1, 0)
  useEffect(() => {
    let frame = 0
    const end = session.subscribe(() => {
      frame ||= requestAnimationFrame(() => {
        frame = 0
        draw()
      })
    })
    return () => {
      cancelAnimationFrame(frame)
      end()
    }
  }, [session])
}

/** One conversation: what is sent to it, and what is there. */
export function Conversation({ session, onRekey, onClose }) {
  const [isOver, setOver] = useState(false)
  useSession(session)

  useEffect(
    () => pick({ add: (files) => session.add(files), over: setOver, fail: (message) => session.say(message) }),
    [session],
  )
  useEffect(() => {
    const warn = (event) => {
      if (session.isBusy) event.preventDefault()
    }
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [session])

  return (
    <main class={isOver ? 'shell over' : 'shell'}>
      <header class="top">
        <div>
          <p class="dim">Conversation</p>
          <h1>{session.conversation}</h1>
        </div>
        <button class="quiet" onClick={() => leave(session, onClose)}>
          Close
        </button>
      </header>
      {session.denied && <Denied session={session} onRekey={onRekey} />}
      <Chooser session={session} isOver={isOver} isSmall={session.files.length > 0 || session.uppy.getFiles().length > 0} />
      <Refused session={session} />
      <Uploads session={session} />
      <FileList session={session} />
      <p class="sr-only" role="status" aria-live="polite">
        {session.message}
      </p>
    </main>
  )
}

function leave(session, onClose) {
  if (!session.isBusy || confirm('Files are still on their way. Stop them and close the conversation?')) onClose()
}

/** The place for files, and the buttons for who does not drag. */
function Chooser({ session, isOver, isSmall }) {
  const files = useRef(null)
  const folder = useRef(null)
  const chosen = (event) => {
    session.add([...event.target.files])
    event.target.value = '' // so that the same files can be chosen again
  }
  return (
    <section class={`drop${isSmall ? ' small' : ''}${isOver ? ' over' : ''}`} aria-label="Add files">
      <span class="mark">
        <UploadIcon />
      </span>
      <p class="drop-title mouse">{isOver ? 'Let go to upload' : 'Drop files or folders here'}</p>
      <p class="dim drop-hint mouse">or paste them, or choose</p>
      <p class="drop-title touch">Add to the conversation</p>
      <p class="buttons">
        <button class="primary" onClick={() => files.current.click()}>
          Files
        </button>
        <button onClick={() => folder.current.click()}>A folder</button>
      </p>
      <input ref={files} type="file" multiple hidden onChange={chosen} aria-label="Files" />
      <input ref={folder} type="file" webkitdirectory hidden onChange={chosen} aria-label="A folder" />
    </section>
  )
}

/** Asks for the key again, where it was changed meanwhile. */
function Denied({ session, onRekey }) {
  const [error, setError] = useState('')
  async function submit(event) {
    event.preventDefault()
    const key = new FormData(event.target).get('session-key').trim()
    try {
      await session.rekey(key)
      onRekey(key)
    } catch (err) {
      setError(explain(err))
    }
  }
  return (
    <form class="card denied" onSubmit={submit}>
      <p role="alert">The session key does not open this conversation any more. Enter the new one; uploads then go on.</p>
      <label class="field">
        Session key
        <KeyField invalid={error !== ''} />
      </label>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      <button class="primary">Go on</button>
    </form>
  )
}
