import { useRef, useState } from 'preact/hooks'
import { EyeIcon, UploadIcon } from './icons.jsx'

/** What an error means to who types a key. */
export function explain(err) {
  if (err.status === 401) return 'This session key does not open this conversation.'
  if (err.isNetwork) return 'The server does not answer. Is there a connection?'
  return err.message
}

/** A field for a session key, which is shown on demand. */
export function KeyField({ invalid, ...props }) {
  const [isShown, setShown] = useState(false)
  return (
    <span class="field-with-button">
      <input
        {...props}
        type={isShown ? 'text' : 'password'}
        name="session-key"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        required
        aria-invalid={invalid}
      />
      <button type="button" class="quiet square" aria-pressed={isShown} aria-label="Show the key" title="Show the key" onClick={() => setShown(!isShown)}>
        <EyeIcon />
      </button>
    </span>
  )
}

/** Asks for the conversation and its key. */
export function Connect({ known, onOpen }) {
  const [error, setError] = useState('')
  const [isOpening, setOpening] = useState(false)
  const key = useRef(null)

  async function submit(event) {
    event.preventDefault()
    const form = new FormData(event.target)
    setError('')
    setOpening(true)
    try {
      await onOpen(form.get('conversation').trim(), form.get('session-key').trim())
    } catch (err) {
      setOpening(false)
      setError(explain(err))
      key.current?.querySelector('input')?.focus()
    }
  }

  return (
    <main class="shell centred">
      <form class="card connect" onSubmit={submit}>
        <span class="mark">
          <UploadIcon />
        </span>
        <h1>Open a conversation</h1>
        <p class="dim">Send files to it, and fetch or delete the ones that are there.</p>
        <label class="field">
          Conversation
          <input name="conversation" defaultValue={known?.conversation} autocomplete="off" autocapitalize="off" spellcheck={false} required autofocus />
        </label>
        <label class="field" ref={key}>
          Session key
          <KeyField defaultValue={known?.key} invalid={error !== ''} aria-describedby="key-note" />
        </label>
        <p class="note dim" id="key-note">
          The key stays in this tab and is forgotten when you close it.
        </p>
        <p class="error" role="alert" hidden={!error}>
          {error}
        </p>
        <button class="primary" disabled={isOpening}>
          {isOpening ? 'Opening…' : 'Open'}
        </button>
      </form>
    </main>
  )
}
