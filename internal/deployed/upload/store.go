package upload

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrExists says that another object already has the key.
	ErrExists = errors.New("the key is taken")
	// ErrIsFolder says that the key is that of a folder, for a store that keeps
	// objects on a disk.
	ErrIsFolder = errors.New("the key is that of a folder")
	// ErrBelowFile says that an object has the key of a folder in which the key
	// lies, for a store that keeps objects on a disk.
	ErrBelowFile = errors.New("the key lies below that of an object")
	// ErrNotFound says that no object has the key.
	ErrNotFound = errors.New("no object has this key")
	// ErrUnavailable says that the store is down or too slow, and that the same
	// request may succeed later.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrAnswerTooLarge says that there are too many files, with names too long,
	// to tell of them all in one answer.
	ErrAnswerTooLarge = errors.New("the answer would be too large")
)

// Object is one object on its way into a store.
type Object struct {
	Key         string
	ContentType string
	Disposition string // the Content-Disposition that it is served with
	Data        []byte // not kept after Create returns
	SHA256      [32]byte
	CRC32       uint32 // IEEE, for archives; kept beside the object
}

// Stored is what a store knows of an object.
type Stored struct {
	Size   int64
	SHA256 [32]byte
	Hashed bool // whether SHA256 is known: it is not for objects that others put there
}

// Link is a URL that fetches an object without further credentials.
type Link struct {
	URL     string
	Expires time.Time
}

// Store keeps objects.
//
// An implementation retries what may pass, within the context, and marks what
// may pass later with [ErrUnavailable]. It is safe for concurrent use.
type Store interface {
	// Create writes o durably if no object has its key, and is [ErrExists]
	// otherwise. A store that cannot keep both "a" and "a/b" is ErrIsFolder or
	// ErrBelowFile for the second of them. The store verifies o.SHA256 against the bytes that arrived.
	// After any other error the object may be there or not.
	Create(ctx context.Context, o Object) error

	// Stat is [ErrNotFound] where no object has the key.
	Stat(ctx context.Context, key string) (Stored, error)

	Tags

	// Link makes a URL that downloads the object under the name. It asks
	// nothing of the store.
	Link(ctx context.Context, key, name string) (Link, error)
}
