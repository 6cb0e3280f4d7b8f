import { useEffect, useState } from 'preact/hooks'
import { Connect } from './connect.jsx'
import { Conversation } from './conversation.jsx'
import { Session } from './session.js'

/** Where the tab keeps what opens the conversation, until it is closed. */
const store = 'conversation'

function remembered() {
  try {
    const { conversation, key } = JSON.parse(sessionStorage.getItem(store)) ?? {}
    return conversation && key ? { conversation, key } : null
  } catch {
    return null
  }
}

function remember(value) {
  try {
    if (value) sessionStorage.setItem(store, JSON.stringify(value))
    else sessionStorage.clear()
  } catch {
    // Without it, the key is asked for when the page is loaded anew.
  }
}

export function App() {
  const [session, setSession] = useState(null)
  const [isOpening, setOpening] = useState(() => remembered() !== null)

  async function open(conversation, key) {
    const opened = new Session(conversation, key)
    try {
      await opened.open()
    } catch (err) {
      opened.close()
      throw err
    }
    remember({ conversation, key })
    setSession(opened)
  }

  function close() {
    session.close()
    remember(null)
    setSession(null)
  }

  useEffect(() => {
    const known = remembered()
    if (!known) return
    open(known.conversation, known.key)
      .catch(() => {}) // the form says why, when it is sent again
      .finally(() => setOpening(false))
  }, [])

  if (session) {
    const { conversation } = session
    return <Conversation session={session} onRekey={(key) => remember({ conversation, key })} onClose={close} />
  }
  if (isOpening) return <main class="shell" aria-busy="true" />
  return <Connect known={remembered()} onOpen={open} />
}
