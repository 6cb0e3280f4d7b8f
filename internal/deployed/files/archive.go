package files

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Archive is a zip archive of all files of a conversation, to be written.
type Archive struct {
	files        *Files
	conversation upload.Conversation
	objects      []s3object.Info
	disk         *disk // where the files are in it
}

// Archive lists the files.
func (f *Files) Archive(ctx context.Context, c upload.Conversation) (*Archive, error) {
	objects, err := f.all(ctx, c)
	return &Archive{f, c, objects, f.diskOf(c, objects)}, err
}

// MaxSize is the most bytes that the archive can have.
func (a *Archive) MaxSize() int64 {
	size := int64(endSize + entrySize + 2*maxReportName + maxReport)
	for _, o := range a.objects {
		size += entrySize + 2*int64(len(a.disk.path(a.name(o))))
		if o.Size > memoryFile {
			size += deflatedSize(o.Size)
		} else {
			size += o.Size
		}
	}
	return size
}

// name is that of a file; in the archive it may have another path.
func (a *Archive) name(o s3object.Info) string { return a.files.name(a.conversation, o) }

// A Missing file is not in an archive, or is not there as its sender meant it.
type Missing struct {
	Name   string
	Reason string // in words for people
	Err    error  // of the store, for the log; nil where nothing failed
}

// WriteTo writes the archive while the files arrive, and returns those that are
// missing in it: one that is gone, may not be handed out, cannot be read, is
// damaged or has another hash or CRC-32 than was declared. The archive is valid
// all the same and names them in its last entry. Only if w fails or the context
// ends is there no whole archive, which is the error.
//
// The hash of each file is held against the one that the store knows. Where bytes
// are written that are not those which the archive has announced, their entry has
// the CRC-32 of others, so that no program takes it for right. Memory depends on
// the number of files and not on their sizes.
func (a *Archive) WriteTo(ctx context.Context, w io.Writer) ([]Missing, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan *reading, a.files.Parallel)
	group.Go(func() error {
		defer close(queue)
		a.readAhead(ctx, group, queue)
		return nil
	})
	missing, err := a.write(ctx, w, queue)
	cancel()
	_ = group.Wait() // each reading keeps its own error
	return missing, err
}

// smallFile is the most bytes of a file that is read ahead. Parallel of them are
// in memory at once.
const smallFile = 256 << 10

// memoryFile is the most bytes of a file that is in memory before its entry begins,
// which is then compressed and has its size before it. One request to upload-files
// brings no larger one.
const memoryFile = 5 << 20

// reading is a file on its way into the archive.
type reading struct {
	name  string
	info  s3object.Info
	ready chan struct{} // closed when the rest is there
	state upload.State
	head  s3object.Head
	data  []byte        // of a file in memory, with its CRC-32 in head
	body  io.ReadCloser // of another
	err   error         // ErrMisdeclared has data
}

// readAhead starts to read the files in their order. The queue's length is how
// far it is ahead.
func (a *Archive) readAhead(ctx context.Context, group *errgroup.Group, queue chan<- *reading) {
	for _, o := range a.objects {
		r := &reading{name: a.name(o), info: o, ready: make(chan struct{})}
		select {
		case queue <- r:
		case <-ctx.Done():
			return
		}
		if o.Size <= smallFile {
			group.Go(func() error {
				defer close(r.ready)
				a.begin(ctx, r)
				return nil
			})
		}
	}
}

// begin reads a file into memory, or opens it.
func (a *Archive) begin(ctx context.Context, r *reading) {
	defer survive(&r.err)
	r.state, r.err = a.files.Required.StateOf(ctx, a.files.Store, r.info.Key)
	if r.err != nil || r.state != upload.Ready {
		return
	}
	head, body, err := a.files.Store.Open(ctx, r.info, 0)
	if err != nil {
		r.err = err
		return
	}
	if known, ok := a.files.known.get(r.info); ok && known.CRC32.Known {
		head.CRC32 = known.CRC32
	}
	r.head = head
	if !isLoaded(head) {
		r.body = body
		return
	}
	r.head, r.data, r.err = a.files.loadBody(ctx, head, body)
}

// isLoaded tells the files that are in memory before their entry begins. What is
// stored as it is can go through at once where its CRC-32 is known.
func isLoaded(head s3object.Head) bool {
	isThrough := head.CRC32.Known && !compressible(head.ContentType)
	return head.Size <= smallFile || head.Size <= memoryFile && !isThrough
}

// write writes entry by entry.
func (a *Archive) write(ctx context.Context, w io.Writer, queue <-chan *reading) ([]Missing, error) {
	archive := newEntries(w)
	var missing []Missing
	for r := range queue {
		if r.info.Size > smallFile {
			a.begin(ctx, r)
		} else {
			<-r.ready
		}
		err := a.add(ctx, archive, r)
		if failed, ok := errors.AsType[*writeError](err); ok {
			return missing, failed.cause
		}
		if ctx.Err() != nil {
			return missing, context.Cause(ctx)
		}
		if reason, failure := judge(r.state, err); reason != "" {
			missing = append(missing, Missing{r.name, reason, failure})
		} else if path := a.disk.path(r.name); path != r.name {
			missing = append(missing, Missing{r.name, movedReason + path, nil})
		}
	}
	if ctx.Err() != nil {
		return missing, context.Cause(ctx)
	}
	if err := a.report(archive, missing); err != nil {
		return missing, err
	}
	return missing, archive.close()
}

// add writes an entry, unless there is nothing to write.
func (a *Archive) add(ctx context.Context, archive *entries, r *reading) error {
	switch {
	case r.err != nil && !errors.Is(r.err, ErrMisdeclared) || r.state != upload.Ready:
		return r.err
	case r.body == nil:
		err := archive.whole(a.disk.path(r.name), r.head.Modified, r.data, r.head.CRC32.Sum, compressible(r.head.ContentType))
		if err != nil {
			return &writeError{err}
		}
		return r.err
	case r.head.CRC32.Known:
		return a.pass(ctx, archive, r)
	}
	return a.deflate(ctx, archive, r)
}

// errWrongCRC says that the bytes of a file have not the CRC-32 that was announced
// before them.
var errWrongCRC = errors.New("the bytes have not the CRC-32 that was declared")

// pass writes a large file whose CRC-32 is known as it is.
func (a *Archive) pass(ctx context.Context, archive *entries, r *reading) error {
	entry, err := archive.stored(a.disk.path(r.name), r.head.Modified, r.head.Size, r.head.CRC32.Sum)
	if err != nil {
		_ = r.body.Close()
		return &writeError{err}
	}
	out := &exact{entry, r.head.Size}
	announced := r.head.CRC32.Sum
	err = a.copy(ctx, out, r)
	if _, failed := errors.AsType[*writeError](err); failed || ctx.Err() != nil {
		return err
	}
	if err := out.pad(); err != nil {
		return &writeError{err}
	}
	if (err == nil || errors.Is(err, ErrMisdeclared)) && r.head.CRC32.Sum != announced {
		return errWrongCRC
	}
	return err
}

// deflate writes a large file of which nobody knows the CRC-32.
func (a *Archive) deflate(ctx context.Context, archive *entries, r *reading) error {
	entry, err := archive.deflated(a.disk.path(r.name), r.head.Modified, compressible(r.head.ContentType))
	if err != nil {
		_ = r.body.Close()
		return &writeError{err}
	}
	return a.copy(ctx, entry, r)
}

// copy writes the bytes of a large file. The next archive knows their CRC-32 if they
// are those of the object.
func (a *Archive) copy(ctx context.Context, w io.Writer, r *reading) error {
	sums, err := a.files.copyBody(ctx, w, r.head, r.body)
	if err == nil || errors.Is(err, ErrMisdeclared) {
		r.head.CRC32 = sums.crc32
		a.files.known.put(r.head, time.Now())
	}
	return err
}

// compressible tells types that compression makes much smaller from those that
// are compressed or unknown. Lambda streams 2 MB/s, which a fraction of a
// processor compresses: what is saved is worth more than the time that it takes.
func compressible(contentType string) bool {
	return IsText(contentType) || slices.Contains(bulky, essence(contentType))
}

var bulky = []string{"application/x-tar", "application/wasm", "image/bmp", "image/tiff"}

// IsText tells types of text from others.
func IsText(contentType string) bool {
	t := essence(contentType)
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml") ||
		slices.Contains(texts, t)
}

var texts = []string{
	"application/json", "application/javascript", "application/x-ndjson", "application/xml", "application/x-sh",
	"application/sql", "application/yaml", "application/toml", "application/rtf",
}

func essence(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// judge says what is wrong with a file, and whether the store has failed. Nothing
// is wrong with one that is whole.
func judge(state upload.State, err error) (reason string, failure error) {
	switch {
	case errors.Is(err, upload.ErrNotFound):
		return "it was deleted while the archive was made", nil
	case errors.Is(err, ErrMisdeclared):
		return "its bytes have not the hash that its sender declared; they are here as they were stored", nil
	case errors.Is(err, errWrongCRC):
		return "its bytes have not the CRC-32 that its sender declared, for which programs refuse it here; fetch it by itself", nil
	case errors.Is(err, ErrDamaged):
		return "its bytes are not those that were uploaded: do not use what is here under its name", err
	case err != nil:
		return "it could not be read to its end: do not use what is here under its name; fetch it again", err
	case state == upload.Pending:
		return "it is not released yet", nil
	case state == upload.Blocked:
		return "it did not pass the check and is not handed out", nil
	}
	return "", nil
}

const (
	reportName = "MISSING.txt"
	maxReport  = 256 << 10 // bytes of the report

	maxReportName = len("MISSING 1234567890.txt")
)

// report names the missing files, if there are any, under a name that no file has.
func (a *Archive) report(archive *entries, missing []Missing) error {
	if len(missing) == 0 {
		return nil
	}
	name := reportName
	for i := 2; a.disk.has(name); i++ {
		name = fmt.Sprintf("MISSING %d.txt", i)
	}
	text := []byte(reportOf(missing))
	return archive.whole(name, time.Now(), text, crc32.ChecksumIEEE(text), true)
}

func reportOf(missing []Missing) string {
	var text strings.Builder
	text.WriteString("These files of the conversation are not in this archive, or not as their senders meant them:\n\n")
	for i, m := range missing {
		line := fmt.Sprintf("%s: %s.\n", m.Name, m.Reason)
		if text.Len()+len(line) > maxReport-100 {
			fmt.Fprintf(&text, "And %d more.\n", len(missing)-i)
			break
		}
		text.WriteString(line)
	}
	return text.String()
}
