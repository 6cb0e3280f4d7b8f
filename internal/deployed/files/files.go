// Package files is about the files of a conversation that are stored: it lists
// them, finds one, deletes one, and hands out all of them as an archive, as a
// manifest and as a script that downloads them.
//
// A file is an object under the conversation's prefix whose name, which may have
// folders, [filename.In] would leave as it is. Others, which an upload cannot have
// made, are not seen.
package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Options say where files are. Store is required.
type Options struct {
	Store    Store
	Prefix   string     // what every key begins with, such as "conversations/"
	Required upload.Tag // without it a file is not handed out; the zero value requires none
	Parallel int        // questions to the store at once for one call; zero means [DefaultParallel]
	// HashLimit is how many bytes of objects one call reads to find out hashes
	// that the store does not know. Zero means [DefaultHashLimit].
	HashLimit int64
}

// DefaultParallel is how many questions are asked at once. Of a small object,
// the way to S3 takes longer than its bytes
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html).
const DefaultParallel = 32

// DefaultHashLimit is what S3 gives one function in a few seconds.
const DefaultHashLimit = 256 << 20

// Files are those of all conversations. It is safe for concurrent use.
type Files struct {
	Options
	known heads
}

// New makes Files. It asks nothing of the store.
func New(o Options) *Files {
	o.Parallel = cmp.Or(o.Parallel, DefaultParallel)
	o.HashLimit = cmp.Or(o.HashLimit, DefaultHashLimit)
	return &Files{Options: o}
}

// File is a file that is stored.
type File struct {
	Name string
	s3object.Head
	State upload.State
	Link  upload.Link // to be handed out only if the state is Ready
}

// ErrWithheld says that a file may not be handed out: it has not the required
// tag.
var ErrWithheld = errors.New("the file may not be handed out")

// MaxPage is the most files of one [Files.List].
const MaxPage = 1000

// List returns up to limit files, in the order of the bytes of their names, that
// come after a name, which need not be one of a file. There are no more where
// next is empty; otherwise it is the name to go on after.
func (f *Files) List(ctx context.Context, c upload.Conversation, after string, limit int) (files []File, next string, err error) {
	found, more, err := f.scan(ctx, c, after, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, "", err
	}
	if more {
		next = f.name(c, found[len(found)-1])
	}
	files, err = f.describe(ctx, c, found)
	return files, next, err
}

// Find returns the file of a name, which is also found by the one under which it
// was sent, or [upload.ErrNotFound].
func (f *Files) Find(ctx context.Context, c upload.Conversation, sent string) (File, error) {
	name, ok := filename.Lookup(f.dir(c), sent)
	if !ok {
		return File{}, upload.ErrNotFound
	}
	head, err := f.Store.Head(ctx, f.key(c, name))
	if err != nil {
		return File{}, err
	}
	return f.complete(ctx, File{Name: name, Head: head})
}

// Delete removes the file of a name, or of the one under which it was sent. A file
// that is not there is no error; a name that no file can have is
// [upload.ErrNotFound].
func (f *Files) Delete(ctx context.Context, c upload.Conversation, sent string) error {
	name, ok := filename.Lookup(f.dir(c), sent)
	if !ok {
		return upload.ErrNotFound
	}
	return f.Store.Delete(ctx, f.key(c, name))
}

func (f *Files) dir(c upload.Conversation) string { return f.Prefix + c.String() + "/" }

func (f *Files) key(c upload.Conversation, name string) string { return f.dir(c) + name }

func (f *Files) name(c upload.Conversation, o s3object.Info) string {
	return strings.TrimPrefix(o.Key, f.dir(c))
}

// all lists every file.
func (f *Files) all(ctx context.Context, c upload.Conversation) ([]s3object.Info, error) {
	var all []s3object.Info
	after := ""
	for {
		found, more, err := f.scan(ctx, c, after, MaxPage)
		all = append(all, found...)
		if err != nil || !more {
			return all, err
		}
		after = f.name(c, found[len(found)-1])
	}
}

// scan lists limit files after a name, or fewer where there are no more. What
// is no file does not count.
func (f *Files) scan(ctx context.Context, c upload.Conversation, after string, limit int) (found []s3object.Info, more bool, err error) {
	dir := f.dir(c)
	if after != "" {
		after = dir + after
	}
	for {
		page, err := f.Store.List(ctx, dir, after, limit)
		if err != nil {
			return nil, false, fmt.Errorf("list the files: %w", err)
		}
		for _, o := range page.Objects {
			if len(found) == limit {
				return found, true, nil
			}
			if filename.Is(dir, f.name(c, o)) {
				found = append(found, o)
			}
		}
		if !page.More || len(found) == limit {
			return found, page.More, nil
		}
		after = page.Objects[len(page.Objects)-1].Key
	}
}

// describe asks for what a listing does not tell. A file that is gone meanwhile
// is left out.
func (f *Files) describe(ctx context.Context, c upload.Conversation, found []s3object.Info) ([]File, error) {
	files := make([]File, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(f.Parallel)
	for i, o := range found {
		group.Go(func() (err error) {
			defer survive(&err)
			file := File{Name: f.name(c, o)}
			file.Head, err = f.head(ctx, o)
			if err == nil {
				file, err = f.complete(ctx, file)
			}
			if errors.Is(err, upload.ErrNotFound) {
				return nil
			}
			files[i] = file
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("ask for a file: %w", err)
	}
	there := files[:0]
	for _, file := range files {
		if file.Name != "" {
			there = append(there, file)
		}
	}
	return there, nil
}

// head asks for an object of a listing, unless it is known: no object is ever
// overwritten.
func (f *Files) head(ctx context.Context, o s3object.Info) (s3object.Head, error) {
	if head, ok := f.known.get(o); ok {
		return head, nil
	}
	head, err := f.Store.Head(ctx, o.Key)
	if err != nil {
		return s3object.Head{}, err
	}
	f.known.put(head, time.Now())
	return head, nil
}

// complete adds state and link.
func (f *Files) complete(ctx context.Context, file File) (File, error) {
	var err error
	if file.State, err = f.Required.StateOf(ctx, f.Store, file.Key); err != nil {
		return File{}, err
	}
	file.Link, err = f.Store.Link(ctx, file.Key, file.Name)
	return file, err
}

// survive makes an error of a panic, which in a goroutine would end the process.
// The panic's value stays out of it: it may hold what a client sent.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("ask for a file: panic: %T\n%s", p, debug.Stack())
	}
}
