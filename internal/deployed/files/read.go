package files

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

var (
	// ErrDamaged says that the bytes of a file are not those that were stored.
	ErrDamaged = errors.New("the bytes are not those that were stored")
	// ErrMisdeclared says that the bytes of a file are those that were stored, as
	// far as anybody can tell, and have not the hash that their sender declared.
	ErrMisdeclared = errors.New("the bytes have not the hash that their sender declared")
	// ErrTooLarge says that a file is too large for what is asked.
	ErrTooLarge = errors.New("the file is too large")
)

// tries is how often a file is read whose bytes do not arrive.
const tries = 4

// copyTo writes the bytes of an object to w while they arrive, and says what the
// object tells of itself and what their hash is. A connection that breaks is
// taken up where it broke. The error is [ErrDamaged] or [ErrMisdeclared] where all
// bytes are written, and a [*writeError] where w does not take them.
func (f *Files) copyTo(ctx context.Context, w io.Writer, o s3object.Info) (s3object.Head, [32]byte, error) {
	head, body, err := f.Store.Open(ctx, o, 0)
	if err != nil {
		return s3object.Head{}, [32]byte{}, err
	}
	sum, err := f.copyBody(ctx, w, head, body)
	return head, sum, err
}

// copyBody is copyTo for an object that is open. It closes body.
func (f *Files) copyBody(ctx context.Context, w io.Writer, head s3object.Head, body io.ReadCloser) (sum [32]byte, err error) {
	hash := sha256.New()
	out := &counter{w: io.MultiWriter(w, hash)}
	for try := 1; ; try++ {
		_, err := io.Copy(out, body)
		_ = body.Close() // what was read counts
		switch {
		case out.err != nil:
			return sum, &writeError{out.err}
		case ctx.Err() != nil:
			return sum, fmt.Errorf("%w: %w", upload.ErrUnavailable, context.Cause(ctx))
		case out.n >= head.Size:
			hash.Sum(sum[:0])
			return sum, verify(head, out.n, sum, err)
		case try == tries:
			return sum, fmt.Errorf("%w: %d of %d bytes: %w", upload.ErrUnavailable, out.n, head.Size, cmp.Or(err, io.ErrUnexpectedEOF))
		}
		if _, body, err = f.Store.Open(ctx, head.Info, out.n); err != nil {
			return sum, err
		}
	}
}

// verify says whether n bytes with a hash, read up to an error or to their end,
// are those of an object. A hash that they have decides, and so does one that the
// store has verified. One that was only declared may have been wrong from the start.
func verify(head s3object.Head, n int64, sum [32]byte, err error) error {
	switch {
	case n != head.Size:
		return fmt.Errorf("%w: %d bytes of %d", ErrDamaged, n, head.Size)
	case head.Hashed && sum == head.SHA256:
		return nil
	case head.Verified:
		return fmt.Errorf("%w: another hash", ErrDamaged)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case head.Hashed:
		return ErrMisdeclared
	}
	return nil
}

// writeError is one of where the bytes go to, not of where they come from.
type writeError struct{ cause error }

func (e *writeError) Error() string { return e.cause.Error() }

func (e *writeError) Unwrap() error { return e.cause }

// counter counts what it writes, and keeps its own errors apart from a reader's.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	return n, err
}

// load reads a small object into memory. Bytes that are damaged on their way
// are read again. With [ErrMisdeclared] they are returned too.
func (f *Files) load(ctx context.Context, o s3object.Info) (s3object.Head, []byte, error) {
	var data bytes.Buffer
	for try := 1; ; try++ {
		data.Reset()
		data.Grow(int(o.Size))
		head, _, err := f.copyTo(ctx, &data, o)
		if err == nil || errors.Is(err, ErrMisdeclared) {
			return head, data.Bytes(), err
		}
		if !errors.Is(err, ErrDamaged) || try == tries {
			return s3object.Head{}, nil, err
		}
	}
}

// Read returns a file of up to limit bytes with its bytes, which are the right
// ones where the store has verified their hash. Its errors are those of the store,
// [ErrWithheld], [ErrTooLarge] and [ErrDamaged]; with the second the file is
// returned without its bytes.
func (f *Files) Read(ctx context.Context, c upload.Conversation, name string, limit int64) (File, []byte, error) {
	file, err := f.Find(ctx, c, name)
	switch {
	case err != nil:
		return File{}, nil, err
	case file.State != upload.Ready:
		return File{}, nil, ErrWithheld
	case file.Size > limit:
		return file, nil, ErrTooLarge
	}
	_, data, err := f.load(ctx, file.Info)
	if errors.Is(err, ErrMisdeclared) { // it is shown as it is
		err = nil
	}
	return file, data, err
}
