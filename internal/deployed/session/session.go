// Package session answers one question: is this the session key of this
// conversation?
//
// The keys lie in Secrets Manager, as one secret for all conversations or one
// for each. [Keys] remembers what it read, asks again when that grows old or a
// key does not match, and goes on for a while when Secrets Manager is down. It
// starts no goroutine: a call is made by the goroutine of the [Keys.Check] that
// needs it, so that nothing still runs when the answer is out and Lambda freezes
// the process.
package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

var (
	// ErrDenied says that the key does not open the conversation.
	ErrDenied = errors.New("session key denied")
	// ErrUnavailable says that nobody can tell right now whether it does: the
	// secret cannot be read, or cannot be used. Trying again later may help.
	ErrUnavailable = errors.New("session key cannot be checked")
	// ErrNoSecret is what a [Secrets] answers where there is no such secret, or
	// no version of it with that stage.
	ErrNoSecret = errors.New("no such secret")
	// ErrMalformed says that a secret's value is none of the forms that hold a
	// session key. The errors that wrap it say why without showing the value.
	ErrMalformed = errors.New("malformed secret")
)

// Why a key is denied, for the log: the client learns only that it is.
var (
	errNoKey          = fmt.Errorf("%w: no key", ErrDenied)
	errImplausible    = fmt.Errorf("%w: no session key looks like this", ErrDenied)
	errExpired        = fmt.Errorf("%w: expired", ErrDenied)
	errWrongKey       = fmt.Errorf("%w: not the key of this conversation", ErrDenied)
	errBadID          = fmt.Errorf("%w: not a conversation id", ErrDenied)
	errNoConversation = fmt.Errorf("%w: the conversation has no secret", ErrDenied)
)

// Why nobody can tell.
var (
	errTooManyMisses = fmt.Errorf("%w: too many look-ups that led to nothing", ErrUnavailable)
	errTooOld        = fmt.Errorf("%w: the secret was read too long ago", ErrUnavailable)
)

// The stages of a secret that are read. AWSPENDING is not one of them: its value
// has not passed the tests of a rotation
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
)

// Version is one version of a secret.
type Version struct {
	ID    string // differs between versions of one secret
	Value string // see docs/session-keys.md for its forms
	// Created is when the version was made. The version before this one is
	// accepted for a while after it; where it is zero, not at all.
	Created time.Time
}

// Secrets reads secrets.
type Secrets interface {
	// Get reads the version of a secret that has the stage, AWSCURRENT or
	// AWSPREVIOUS. Its error wraps [ErrNoSecret] where there is none and
	// [ErrMalformed] where its value is of a kind that cannot hold a key; any
	// other error means that the secret may well be there, but could not be
	// read. No error shows a value. Get bounds its own time and its own retries,
	// ends with ctx, and leaves nothing running.
	Get(ctx context.Context, id, stage string) (Version, error)
}

// placeholder stands for the conversation in the name of a secret.
const placeholder = "{conversation_id}"

// Off turns an option off whose zero value means its default.
const Off time.Duration = -1

// coldRetry is how soon Secrets Manager is asked again after it failed, where no
// secret is at hand that could serve meanwhile.
const coldRetry = time.Second

// Options say how [Keys] finds a secret and how long it believes it. Only Secret
// is required.
type Options struct {
	// Secret is the secret's name or ARN. Where it contains {conversation_id},
	// each conversation has a secret of its own.
	Secret string

	// TTL is how long a secret is believed without asking again; each time up to
	// a fifth less, so that environments that started together do not ask
	// together. Zero means 60 seconds; less than a second counts as a second.
	TTL time.Duration
	// PreviousWindow is how long the previous version is accepted, from the
	// making of the current one. Zero means 5 minutes, [Off] never.
	PreviousWindow time.Duration
	// Stale is how much longer than TTL a secret serves while it cannot be read
	// again. Zero means 15 minutes, [Off] no longer.
	Stale time.Duration
	// Refresh is the least time between two calls that keys which do not match
	// can cause for one secret. Zero or less means 10 seconds.
	Refresh time.Duration
	// Negative is how long a conversation without a secret is remembered. Zero
	// means 30 seconds, [Off] not at all.
	Negative time.Duration

	// Entries is how many secrets are remembered, and how many conversations
	// that have none. Zero means 1024.
	Entries int
	// Misses is how many calls in a minute, and how many at once, may lead to no
	// match where each conversation has its own secret: they cost money, and
	// anybody can cause them by making up conversations. A call that leads to a
	// match is not counted. When they are used up, a key whose check needs a call
	// is [ErrUnavailable]. Zero means 120.
	Misses int

	// Now tells the time; nil means the system's.
	Now func() time.Time
	// Log gets one line for each refresh that failed; nil means no log.
	Log *slog.Logger
	// RefreshFailed is called for each refresh that failed; nil means nothing.
	// Goroutines that check keys call it at the same time.
	RefreshFailed func()
}

func (o Options) withDefaults() Options {
	o.TTL = max(orDefault(o.TTL, time.Minute), time.Second)
	o.PreviousWindow = orDefault(o.PreviousWindow, 5*time.Minute)
	o.Stale = orDefault(o.Stale, 15*time.Minute)
	o.Negative = orDefault(o.Negative, 30*time.Second)
	if o.Refresh <= 0 {
		o.Refresh = 10 * time.Second
	}
	if o.Entries <= 0 {
		o.Entries = 1024
	}
	if o.Misses <= 0 {
		o.Misses = 120
	}
	if o.Now == nil {
		o.Now = wallClock
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.RefreshFailed == nil {
		o.RefreshFailed = func() {}
	}
	return o
}

func orDefault(d, unset time.Duration) time.Duration {
	if d == 0 {
		return unset
	}
	return max(d, 0)
}

// wallClock is the time without its monotonic reading, which may stand still
// while Lambda has the process frozen: a secret of an hour ago would look fresh.
func wallClock() time.Time { return time.Now().Round(0) }

// Keys checks session keys. It may be used by many goroutines at once.
type Keys struct {
	o       Options
	secrets Secrets
	cache   *cache
}

// New makes Keys that read their secrets from s. It makes no call.
func New(s Secrets, o Options) *Keys {
	o = o.withDefaults()
	return &Keys{o: o, secrets: s, cache: newCache(o.Entries, o.Misses)}
}

// Check returns nil where key opens the conversation, and otherwise an error that
// wraps either [ErrDenied] or [ErrUnavailable]. A key that no secret could match,
// an empty one among them, is denied without a call to [Secrets].
func (k *Keys) Check(ctx context.Context, conversation, key string) (err error) {
	c, err := parseClaim(conversation, key, k.o.Now())
	if err != nil {
		return err
	}
	l := k.look(conversation)
	defer func() { k.cache.put(l.entry, err == nil, l.spent) }()
	return l.check(ctx, c)
}

// Warm reads the secret that all conversations share, so that the first Check
// need not. It does nothing where each conversation has its own. A failure is
// forgotten, neither logged nor counted: the first Check asks for itself.
func (k *Keys) Warm(ctx context.Context) error {
	if k.perConversation() {
		return nil
	}
	l := k.look("")
	l.early = true
	defer k.cache.put(l.entry, false, 0)
	return l.current(ctx)
}

func (k *Keys) perConversation() bool { return strings.Contains(k.o.Secret, placeholder) }

func (k *Keys) look(conversation string) *lookup {
	e := k.cache.take(strings.ReplaceAll(k.o.Secret, placeholder, conversation))
	return &lookup{Keys: k, entry: e, seen: e.callsBegun()}
}
