package direct

import (
	"context"
	"errors"
	"time"

	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// ErrNoUpload says that the store has no such upload under the key: it is
// completed, aborted, or was never begun.
var ErrNoUpload = errors.New("no such upload")

// ErrParts says that the store does not take the parts that are to make the
// object.
var ErrParts = errors.New("the parts do not make an object")

// ID names an upload in parts. A store knows it only under its key.
type ID struct {
	Key    string
	Upload string // as the store has it
	Token  string // ours, which the object carries; empty where the client began the upload itself
	Size   int64  // bytes that the file was said to have; negative where that was not said
	// SHA256 is the hash that the file was said to have; zero where that, or the
	// size, was not said.
	SHA256 [32]byte
}

// Object is what is fixed of an object before its bytes are there.
type Object struct {
	Key         string
	ContentType string
	Disposition string   // the Content-Disposition that it is served with
	Size        int64    // bytes; negative where it is not known
	SHA256      [32]byte // zero where it is not known
	CRC32       s3object.CRC32
	Token       string // see ID
}

// Part is one part of an upload.
type Part struct {
	Number int // 1 to MaxParts
	Size   int64
	ETag   string // without quotes
}

// Stored is what a store knows of an object.
type Stored struct {
	Size        int64
	ContentType string
	SHA256      [32]byte // that of the bytes, or the one declared for an upload in parts; zero where there is none
	Verified    bool     // whether the bytes are known to have SHA256, and not only said to
	Token       string
}

// Step is a request that a client may send to the store itself.
type Step int

// The steps. Each uses the fields of an Operation that it names.
const (
	Put      Step = iota // Object; refused where the key is taken
	Begin                // Object
	PutPart              // ID, Part and its size, where that is positive
	List                 // ID
	Complete             // ID, Size; refused where the key is taken or the parts have another size
	Abort                // ID
)

// Operation is a request to sign.
type Operation struct {
	Step   Step
	Object Object
	ID     ID
	Part   Part
	Size   int64 // of all parts
}

// Signed is a request that needs no further credentials. Whoever sends it must
// send the headers with it: they are part of the signature.
type Signed struct {
	URL     string
	Headers map[string]string
	Expires time.Duration
}

// Store takes the files that clients send to it. Its errors are those of
// [upload.Store], [ErrNoUpload] and [ErrParts]. It is safe for concurrent use.
type Store interface {
	// Describe is upload.ErrNotFound where no object has the key.
	Describe(ctx context.Context, key string) (Stored, error)

	// Begin begins an upload in parts and returns the store's id of it.
	Begin(ctx context.Context, o Object) (id string, err error)

	// Parts are all parts that are there, by number.
	Parts(ctx context.Context, id ID) ([]Part, error)

	// Complete makes the object of the parts, if no object has its key and the
	// parts have this size in all. After upload.ErrUnavailable it may be done or
	// not.
	Complete(ctx context.Context, id ID, parts []Part, size int64) error

	// Abort drops the parts. Where there is no such upload it does nothing.
	Abort(ctx context.Context, id ID) error

	// Sign makes a request for a client. It asks nothing of the store.
	Sign(ctx context.Context, o Operation) (Signed, error)

	upload.Tags

	// Link is that of upload.Store.
	Link(ctx context.Context, key, name string) (upload.Link, error)
}
