package files

import (
	"archive/zip"
	"compress/flate"
	"context"
	"errors"
	"fmt"
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

// What a file takes in an archive besides its bytes: headers with its name at
// both ends, sizes of 64 bits, times. Compression can add a few bytes to what it
// cannot make smaller (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
const (
	entrySize   = 200
	archiveSize = 1024 + maxReport
)

// MaxSize is the most bytes that the archive can have.
func (a *Archive) MaxSize() int64 {
	size := int64(archiveSize)
	for _, o := range a.objects {
		size += entrySize + 2*int64(len(a.disk.path(a.files.name(a.conversation, o)))) + o.Size + o.Size/1000
	}
	return size
}

// A Missing file is not in an archive, or is not there as its sender meant it.
type Missing struct {
	Name   string
	Reason string // in words for people
	Err    error  // of the store, for the log; nil where nothing failed
}

// WriteTo writes the archive while the files arrive, and returns those that are
// missing in it: one that is gone, may not be handed out, cannot be read, is
// damaged or has another hash than was declared. The archive is valid all the
// same and names them in its last entry. Only if w fails or the context ends is
// there no whole archive, which is the error.
//
// The hash of each file is held against the one that the store knows. Memory
// depends on the number of files and not on their sizes.
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

// reading is a file on its way into the archive.
type reading struct {
	name  string
	info  s3object.Info
	ready chan struct{} // closed when the rest is there
	state upload.State
	head  s3object.Head
	data  []byte        // of a small file
	body  io.ReadCloser // of a large one
	err   error         // ErrMisdeclared has data
}

// readAhead starts to read the files in their order. The queue's length is how
// far it is ahead.
func (a *Archive) readAhead(ctx context.Context, group *errgroup.Group, queue chan<- *reading) {
	for _, o := range a.objects {
		r := &reading{name: a.files.name(a.conversation, o), info: o, ready: make(chan struct{})}
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

// begin reads a small file, and opens a large one.
func (a *Archive) begin(ctx context.Context, r *reading) {
	defer survive(&r.err)
	r.state, r.err = a.files.Required.StateOf(ctx, a.files.Store, r.info.Key)
	switch {
	case r.err != nil || r.state != upload.Ready:
	case r.info.Size <= smallFile:
		r.head, r.data, r.err = a.files.load(ctx, r.info)
	default:
		r.head, r.body, r.err = a.files.Store.Open(ctx, r.info, 0)
	}
}

// write writes entry by entry.
func (a *Archive) write(ctx context.Context, w io.Writer, queue <-chan *reading) ([]Missing, error) {
	archive := zip.NewWriter(w)
	archive.RegisterCompressor(zip.Deflate, compressor())
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
	return missing, archive.Close()
}

// add writes an entry, unless there is nothing to write.
func (a *Archive) add(ctx context.Context, archive *zip.Writer, r *reading) error {
	if r.err != nil && !errors.Is(r.err, ErrMisdeclared) || r.state != upload.Ready {
		return r.err
	}
	method := zip.Store
	if compressible(r.head.ContentType) {
		method = zip.Deflate
	}
	entry, err := create(archive, a.disk.path(r.name), method, r.head.Modified)
	if r.body != nil && err == nil {
		_, err = a.files.copyBody(ctx, entry, r.head, r.body)
		return err
	}
	if r.body != nil {
		_ = r.body.Close()
	} else if err == nil {
		_, err = entry.Write(r.data)
	}
	if err != nil {
		return &writeError{err}
	}
	return r.err
}

func create(archive *zip.Writer, name string, method uint16, modified time.Time) (io.Writer, error) {
	header := &zip.FileHeader{Name: name, Method: method, Modified: modified.UTC()}
	header.SetMode(0o644)
	return archive.CreateHeader(header)
}

// compressor makes the compressor of one archive: its entries come one after the
// other, so that they can share its half megabyte.
func compressor() zip.Compressor {
	var shared *flate.Writer
	return func(w io.Writer) (io.WriteCloser, error) {
		if shared != nil {
			shared.Reset(w)
			return shared, nil
		}
		var err error
		shared, err = flate.NewWriter(w, flate.BestSpeed)
		return shared, err
	}
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
)

// report names the missing files, if there are any, under a name that no file has.
func (a *Archive) report(archive *zip.Writer, missing []Missing) error {
	if len(missing) == 0 {
		return nil
	}
	taken := make(map[string]bool, len(a.objects))
	for _, o := range a.objects {
		taken[a.files.name(a.conversation, o)] = true
	}
	name := reportName
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("MISSING %d.txt", i)
	}
	entry, err := create(archive, name, zip.Deflate, time.Now())
	if err != nil {
		return err
	}
	_, err = io.WriteString(entry, reportOf(missing))
	return err
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
