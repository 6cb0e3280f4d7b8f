package files

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

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
// object tells of itself and what their sums are. A connection that breaks is
// taken up where it broke. The error is [ErrDamaged] or [ErrMisdeclared] where all
// bytes are written, and a [*writeError] where w does not take them.
func (f *Files) copyTo(ctx context.Context, w io.Writer, o s3object.Info) (s3object.Head, sums, error) {
	head, body, err := f.Store.Open(ctx, o, 0)
	if err != nil {
		return s3object.Head{}, sums{}, err
	}
	found, err := f.copyBody(ctx, w, head, body)
	return head, found, err
}

// sums are those of bytes that were read.
type sums struct {
	sha256 [32]byte
	crc32  s3object.CRC32
}

// buffers are for copying: small files are smaller than what they are copied by.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// onlyReader hides how else a reader can be read, which would take a buffer of its
// own.
type onlyReader struct{ io.Reader }

// copyBody is copyTo for an object that is open. It closes body.
func (f *Files) copyBody(ctx context.Context, w io.Writer, head s3object.Head, body io.ReadCloser) (found sums, err error) {
	hash, check := sha256.New(), crc32.NewIEEE()
	out := &counter{w: io.MultiWriter(w, hash, check)}
	buffer := buffers.Get().(*[32 << 10]byte) //nolint:forcetypeassert // nothing else is in there
	defer buffers.Put(buffer)
	for try := 1; ; try++ {
		_, err := io.CopyBuffer(out, onlyReader{body}, buffer[:])
		_ = body.Close() // what was read counts
		switch {
		case out.err != nil:
			return found, &writeError{out.err}
		case ctx.Err() != nil:
			return found, fmt.Errorf("%w: %w", upload.ErrUnavailable, context.Cause(ctx))
		case out.n >= head.Size:
			hash.Sum(found.sha256[:0])
			found.crc32 = s3object.CRC32{Sum: check.Sum32(), Known: true}
			return found, verify(head, out.n, found.sha256, err)
		case try == tries:
			return found, fmt.Errorf("%w: %d of %d bytes: %w", upload.ErrUnavailable, out.n, head.Size, cmp.Or(err, io.ErrUnexpectedEOF))
		}
		if _, body, err = f.Store.Open(ctx, head.Info, out.n); err != nil {
			return found, err
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

// load reads an object into memory. Bytes that are damaged on their way are read
// again. With [ErrMisdeclared] they are returned too. What the object tells of
// itself has their CRC-32.
func (f *Files) load(ctx context.Context, o s3object.Info) (s3object.Head, []byte, error) {
	head, body, err := f.Store.Open(ctx, o, 0)
	if err != nil {
		return s3object.Head{}, nil, err
	}
	return f.loadBody(ctx, head, body)
}

// loadBody is load for an object that is open. It closes body.
func (f *Files) loadBody(ctx context.Context, head s3object.Head, body io.ReadCloser) (s3object.Head, []byte, error) {
	var data bytes.Buffer
	for try := 1; ; try++ {
		data.Reset()
		data.Grow(int(head.Size))
		found, err := f.copyBody(ctx, &data, head, body)
		if err == nil || errors.Is(err, ErrMisdeclared) {
			head.CRC32 = found.crc32
			return head, data.Bytes(), err
		}
		if !errors.Is(err, ErrDamaged) || try == tries {
			return s3object.Head{}, nil, err
		}
		if _, body, err = f.Store.Open(ctx, head.Info, 0); err != nil {
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
