// Package upload keeps the files of a conversation: it names them, holds them
// against the rules, and writes each under the conversation's prefix so that no
// file that was stored before is ever lost or overwritten.
package upload

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/mediatype"
)

// File is a file as the client sent it.
type File struct {
	Name        string // as sent, not yet safe
	ContentType string // as declared: only a hint for a file without a name
	Data        []byte
}

// Receipt says what became of a file that is stored.
type Receipt struct {
	Name        string // as stored
	Key         string
	State       State
	Link        Link // to be handed out only if the state is Ready
	Size        int64
	ContentType string
	SHA256      [32]byte // zero where it is not known
}

// State says whether a stored file may be fetched.
type State string

// The states of stored files. All are Ready where no tag is required.
const (
	Ready   State = "ready"
	Pending State = "pending" // the object has not the required tag, or not yet
	Blocked State = "blocked" // its tag has another value
)

// Code tells programs why a file was skipped.
type Code string

// The codes of skipped files.
const (
	EmptyName           Code = "empty_name"            // neither name nor content: nothing was chosen
	TooLarge            Code = "too_large"             // over MAX_FILE_SIZE
	TypeNotAllowed      Code = "type_not_allowed"      // content is not among ALLOWED_TYPES
	ExtensionNotAllowed Code = "extension_not_allowed" // name is not among ALLOWED_EXTENSIONS
	NotStored           Code = "not_stored"            // its own write failed; sending it again is safe
)

// Skip says why a file was not stored, in words for the client.
type Skip struct {
	Name   string // as sent
	Code   Code
	Reason string
}

// Outcome is what became of one file: either its receipt or its skip.
type Outcome struct {
	Receipt *Receipt
	Skip    *Skip
	Err     error // why the file is not stored, or its tag not known; for the log
}

// Uploader stores the files of requests. All fields but Store have a zero value
// that works; it must not change once used. It is safe for concurrent use.
type Uploader struct {
	Store       Store
	Prefix      string          // what every key begins with, such as "conversations/"
	MaxFileSize int64           // bytes; zero means no limit
	Rules       mediatype.Rules // the zero value accepts everything
	Required    Tag             // without it a file is not handed out; the zero value requires none
	Parallel    int             // writes at once for one request; zero means [DefaultParallel]
	Folders     *Folders        // what is known from earlier requests; nil means nothing

	// MaxAnswer is how many bytes the outcomes of a request may take in JSON
	// inside of JSON, by the request's context. Nil means no limit.
	MaxAnswer func(ctx context.Context) int
}

// DefaultParallel is how many files of one request are written at once. S3 asks
// for parallel connections to reach its throughput
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html);
// the files themselves are in memory already.
const DefaultParallel = 16

// settleTime is kept of the context's time for asking the store what became of
// a write that got no answer.
const settleTime = 400 * time.Millisecond

// Upload stores the files and says, in their order, what became of each.
//
// Where nothing could be stored for a reason that is not the files' own, that
// reason is the error: [ErrUnavailable] if a later try may succeed,
// [ErrAnswerTooLarge] if fewer files would. Otherwise the receipts name exactly
// the objects that are there. Sending the same files again changes nothing.
func (u *Uploader) Upload(ctx context.Context, c Conversation, files []File) ([]Outcome, error) {
	outcomes := make([]Outcome, len(files))
	writes := u.plan(ctx, c, files, outcomes)
	// The links first: an object that nobody can be told of is not written.
	for _, w := range writes {
		if w.err == nil {
			w.err = u.address(ctx, w, [32]byte{}, 0)
		}
	}
	if u.MaxAnswer != nil && answerSize(outcomes, writes) > u.MaxAnswer(ctx) {
		return nil, ErrAnswerTooLarge
	}
	u.write(ctx, writes)
	return outcomes, conclude(files, outcomes, writes)
}

// A write is one object to be. Files of one request with the same name and the
// same bytes share it.
type write struct {
	files   []int // their places in the request
	tree    *tree
	sent    string // the name as made safe
	name    string // with the folders where they are, before any conflict of its own
	data    []byte
	hashed  bool // whether crc32 is there, and the receipt has the hash
	crc32   uint32
	taken   bool // an earlier file of the request has the same name
	folder  bool // a folder has the same name
	receipt Receipt
	err     error
	tagErr  error
}

// hash computes the hash once, and the CRC-32, which takes a tenth of its time. It
// is the dearest step of a large file, so that it waits for the write itself,
// where others are under way meanwhile.
func (w *write) hash() [32]byte {
	if !w.hashed {
		w.receipt.SHA256, w.hashed = sha256.Sum256(w.data), true
		w.crc32 = crc32.ChecksumIEEE(w.data)
	}
	return w.receipt.SHA256
}

// plan holds every file against the rules and joins what is to be written. Only
// files whose name an earlier one has are compared.
func (u *Uploader) plan(ctx context.Context, c Conversation, files []File, outcomes []Outcome) []*write {
	type content struct {
		name string
		sum  [32]byte
	}
	first := make(map[string]*write, len(files))
	tree := u.look(ctx, c, files)
	tree.isSent = func(name string) bool { return first[name] != nil }
	same := map[content]*write{} // for names of several files
	var writes []*write
	for i, f := range files {
		sent, mediaType := describe(tree.dir, f)
		if skip := u.check(f, filename.Base(sent), mediaType); skip != nil {
			outcomes[i].Skip = skip
			continue
		}
		name, err := tree.place(ctx, sent)
		w := &write{tree: tree, sent: sent, name: name, data: f.Data, err: err}
		w.receipt = Receipt{Size: int64(len(f.Data)), ContentType: string(mediaType)}
		if other := first[name]; err != nil {
			w.name = sent
		} else if other == nil {
			first[name] = w
			w.folder = tree.isFolder(ctx, name)
		} else {
			same[content{name, other.hash()}] = other
			if twin := same[content{name, w.hash()}]; twin != nil {
				twin.files = append(twin.files, i)
				continue
			}
			same[content{name, w.hash()}] = w
			w.taken, w.folder = true, other.folder
		}
		w.files = append(w.files, i)
		writes = append(writes, w)
	}
	return writes
}

// look asks for the folders of the files, if they have any.
func (u *Uploader) look(ctx context.Context, c Conversation, files []File) *tree {
	t := &tree{folders: u.Folders, ask: u.ask, dir: u.Prefix + c.String() + "/"}
	var names []string
	for _, f := range files {
		if strings.ContainsAny(f.Name, `/\`) {
			names = append(names, filename.In(t.dir, f.Name, ""))
		}
	}
	if len(names) > 0 {
		t.look(ctx, names, cmp.Or(u.Parallel, DefaultParallel))
	}
	return t
}

func (u *Uploader) ask(ctx context.Context, key string) error {
	_, err := u.Store.Stat(ctx, key)
	return err
}

// describe returns the safe name of a file and the type that its content proves.
// Where no name is left, that type gives the extension; the declared one only
// where the content says nothing.
func describe(dir string, f File) (string, mediatype.Type) {
	mediaType := mediatype.Sniff(f.Data, filename.Base(filename.Safe(f.Name, "")))
	hint := mediaType.Essence()
	if hint == "application/octet-stream" {
		hint = f.ContentType
	}
	return filename.In(dir, f.Name, hint), mediaType
}

// check returns why a file may not be stored, or nil.
func (u *Uploader) check(f File, name string, mediaType mediatype.Type) *Skip {
	if f.Name == "" && len(f.Data) == 0 {
		return &Skip{f.Name, EmptyName, "No file was chosen."}
	}
	if u.MaxFileSize > 0 && int64(len(f.Data)) > u.MaxFileSize {
		return &Skip{f.Name, TooLarge, fmt.Sprintf(
			"The file has %d bytes; at most %d are accepted.", len(f.Data), u.MaxFileSize)}
	}
	switch err := u.Rules.Check(name, mediaType); {
	case errors.Is(err, mediatype.ErrExtension):
		return &Skip{f.Name, ExtensionNotAllowed, err.Error()}
	case err != nil:
		return &Skip{f.Name, TypeNotAllowed, err.Error()}
	}
	return nil
}

// address gives w the name with so many hexadecimal digits of a mark, and the
// link to it.
func (u *Uploader) address(ctx context.Context, w *write, mark [32]byte, digits int) (err error) {
	defer survive(&err)
	w.receipt.Name = w.name
	if digits > 0 {
		w.receipt.Name = filename.WithHash(w.name, mark, digits)
	}
	w.receipt.Key = w.tree.dir + w.receipt.Name
	w.receipt.Link, err = u.Store.Link(ctx, w.receipt.Key, w.receipt.Name)
	return err
}

// What a file takes in an answer besides its names and links, in bytes: field
// names, hash, type, date, the digits of its hash should its name be taken; and a
// reason.
const (
	receiptSize = 600
	skipSize    = 300
	maxEscaped  = 7 // bytes that a byte of a sent name takes in JSON inside of JSON
)

// answerSize bounds what the outcomes take in JSON. Links and names stand there
// twice, names once more as part of the key.
func answerSize(outcomes []Outcome, writes []*write) int {
	size := 0
	for _, w := range writes {
		r := w.receipt
		size += len(w.files) * (receiptSize + 2*len(r.Link.URL) + 2*len(r.Name) + len(r.Key))
	}
	for _, o := range outcomes {
		if o.Skip != nil {
			size += skipSize + 2*maxEscaped*len(o.Skip.Name)
		}
	}
	return size
}

// write stores what is planned, in parallel. The first file of each name goes
// before the others of that name, so that it is the one that keeps the name.
func (u *Uploader) write(ctx context.Context, writes []*write) {
	writing := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		writing, cancel = context.WithDeadline(ctx, deadline.Add(-settleTime))
		defer cancel()
	}
	for _, taken := range []bool{false, true} {
		var group errgroup.Group
		group.SetLimit(cmp.Or(u.Parallel, DefaultParallel))
		for _, w := range writes {
			if w.taken == taken && w.err == nil {
				group.Go(func() error {
					w.err = u.store(writing, ctx, w)
					return nil
				})
			}
		}
		_ = group.Wait() // each write keeps its own error
	}
}

// HashDigits are the hexadecimal digits of the hash in the names to try, in
// turn, where the plain one is taken. Somebody who knows a file can take all of them for others.
var HashDigits = [...]int{8, 16, 64}

// randomDigits are those of the name that is tried last.
const randomDigits = 16

// store writes w under the first of its names that is free or has its bytes.
// Writing ends before ctx does, which leaves time to settle what is unclear.
func (u *Uploader) store(writing, ctx context.Context, w *write) (err error) {
	defer survive(&err)
	sum := w.hash()
	err = u.createPlain(writing, ctx, w)
	if errors.Is(err, ErrBelowFile) {
		err = u.replace(writing, ctx, w)
	}
	for _, digits := range HashDigits {
		if !errors.Is(err, ErrExists) {
			break
		}
		err = u.rename(writing, ctx, w, sum, digits)
	}
	if errors.Is(err, ErrExists) {
		var random [32]byte
		rand.Read(random[:])
		err = u.rename(writing, ctx, w, random, randomDigits)
	}
	if err == nil {
		if strings.Contains(w.receipt.Name, "/") {
			u.Folders.stored(strings.TrimSuffix(w.receipt.Key, w.receipt.Name), w.receipt.Name)
		}
		w.receipt.State, w.tagErr = u.Required.StateOf(ctx, u.Store, w.receipt.Key)
	}
	return err
}

// createPlain writes w under its plain name.
func (u *Uploader) createPlain(writing, ctx context.Context, w *write) error {
	if w.folder {
		return ErrExists
	}
	return u.create(writing, ctx, w, w.taken)
}

// replace writes w into another folder than the one whose name a file has.
func (u *Uploader) replace(writing, ctx context.Context, w *write) (err error) {
	if w.name, err = w.tree.replace(ctx, w.sent, w.name); err != nil {
		return err
	}
	if err := u.address(ctx, w, [32]byte{}, 0); err != nil {
		return err
	}
	return u.create(writing, ctx, w, false)
}

// rename writes w under the name with so many digits of a mark.
func (u *Uploader) rename(writing, ctx context.Context, w *write, mark [32]byte, digits int) error {
	if err := u.address(ctx, w, mark, digits); err != nil {
		return err
	}
	return u.create(writing, ctx, w, false)
}

// survive makes an error of a panic, which in a goroutine would end the process,
// and with it every other request. The panic's value stays out of it: it may
// hold what the client sent.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("store a file: panic: %T\n%s", p, debug.Stack())
	}
}

// createTries bounds how often a key may be freed between our two questions.
const createTries = 3

// create writes w under its present key, which an earlier file of the request
// may be known to have taken. It is ErrExists if another file has the key, and
// no error if the very same bytes are there: an earlier request has put them
// there, or an earlier try of this one whose answer was lost.
func (u *Uploader) create(writing, ctx context.Context, w *write, taken bool) error {
	var err error
	for range createTries {
		if !taken {
			err = u.Store.Create(writing, w.object())
			switch {
			case err == nil:
				return nil
			case errors.Is(err, ErrIsFolder):
				return fmt.Errorf("%w: %w", ErrExists, err)
			case errors.Is(err, ErrBelowFile):
				return err
			}
			if !errors.Is(err, ErrExists) {
				return u.settle(ctx, w, err)
			}
		}
		var stored Stored
		stored, err = u.Store.Stat(ctx, w.receipt.Key)
		switch {
		case errors.Is(err, ErrNotFound):
			taken = false // deleted meanwhile: the key is free again
		case err != nil:
			return fmt.Errorf("compare with the file of the same name: %w", err)
		case stored.holds(w.receipt):
			return nil
		default:
			return ErrExists
		}
	}
	return fmt.Errorf("the key comes and goes: %w: %w", ErrUnavailable, err)
}

// settle finds out what became of a write that failed: its answer may have been
// lost, or the store may have cut the connection because the key is taken.
func (u *Uploader) settle(ctx context.Context, w *write, cause error) error {
	if !errors.Is(cause, ErrUnavailable) {
		return cause
	}
	stored, err := u.Store.Stat(ctx, w.receipt.Key)
	switch {
	case err != nil:
		return cause
	case stored.holds(w.receipt):
		return nil
	}
	return ErrExists
}

func (w *write) object() Object {
	return Object{
		Key:         w.receipt.Key,
		ContentType: w.receipt.ContentType,
		Disposition: filename.Attachment(w.receipt.Name),
		Data:        w.data,
		SHA256:      w.receipt.SHA256,
		CRC32:       w.crc32,
	}
}

func (s Stored) holds(r Receipt) bool {
	return s.Hashed && s.Size == r.Size && s.SHA256 == r.SHA256
}

// conclude turns the writes into outcomes. It returns an error only if there
// was something to write and none of it is stored.
func conclude(files []File, outcomes []Outcome, writes []*write) error {
	var stored int
	var failed error
	for _, w := range writes {
		if w.err == nil {
			stored++
		} else if failed == nil || errors.Is(w.err, ErrUnavailable) {
			failed = w.err
		}
		for _, i := range w.files {
			if w.err == nil {
				outcomes[i].Receipt, outcomes[i].Err = &w.receipt, w.tagErr
				continue
			}
			outcomes[i].Err = w.err
			outcomes[i].Skip = &Skip{files[i].Name, NotStored,
				"The file could not be stored. Send it again; what is stored already stays as it is."}
		}
	}
	if stored > 0 {
		return nil
	}
	return failed
}
