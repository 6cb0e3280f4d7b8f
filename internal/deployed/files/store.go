package files

import (
	"context"
	"io"

	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Store is where the objects are.
//
// An implementation retries what may pass, within the context. Its errors are
// [upload.ErrNotFound] where no object has the key, and [upload.ErrUnavailable]
// where a later try may succeed. It is safe for concurrent use.
type Store interface {
	// List returns up to limit objects, 1 to 1,000, whose keys begin with prefix
	// and come after a key. Empty means from the first on. A page that has no
	// object has no more after it either.
	List(ctx context.Context, prefix, after string, limit int) (s3object.Page, error)

	// Folder is List of one folder, to which the prefix leads: of keys that have
	// another slash behind it, what they have in common up to that slash stands
	// there once, and counts as one. Where after is such a folder, nothing in it
	// comes again.
	Folder(ctx context.Context, prefix, after string, limit int) (s3object.Page, error)

	// Head asks for one object.
	Head(ctx context.Context, key string) (s3object.Head, error)

	// Open reads the object that o tells of from an offset on, which is less
	// than its size, or zero. It is [upload.ErrNotFound] if other bytes have the
	// key now. A reader that ends early or in an error may be opened again
	// where it ended. The caller closes it.
	Open(ctx context.Context, o s3object.Info, from int64) (s3object.Head, io.ReadCloser, error)

	// Delete removes the object, and it is no error if there is none.
	Delete(ctx context.Context, key string) error

	upload.Tags

	// Link makes a URL that downloads the object under the name. It asks
	// nothing of the store.
	Link(ctx context.Context, key, name string) (upload.Link, error)
}
