// Package direct lets clients send files of any size straight to the store,
// with requests that it signs. Names, rules and receipts are those of package
// upload, and nothing is overwritten here either.
package direct

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/mediatype"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Limits of S3 (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
// The largest object is as many of the largest parts as one may have: 48.8 TiB
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingObjects.html).
const (
	MaxPut      = 5 << 30 // bytes of an object that one request writes, and of a part
	MinPart     = 5 << 20 // bytes of every part but the last
	MaxParts    = 10_000
	DefaultSize = 5 << 30           // bytes in one file, where nothing else is set
	MaxSize     = MaxParts * MaxPut // bytes that the limit may be set to
)

// File is what a client says of a file that it is going to send.
type File struct {
	Name   string   // not yet safe
	Type   string   // as declared
	Size   int64    // bytes; negative where it is not said
	SHA256 [32]byte // zero where it is not said
	CRC32  s3object.CRC32
}

// Codes of refusals, besides those of package upload.
const (
	SizeRequired upload.Code = "size_required" // the limit cannot be kept without it
	NoUpload     upload.Code = "no_such_upload"
	WrongParts   upload.Code = "wrong_parts"
	NameTaken    upload.Code = "name_taken"
)

// Refusal says why a file is not taken, in words for the client.
type Refusal struct {
	Code   upload.Code
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

var errNoUpload = &Refusal{NoUpload, "There is no such upload in this conversation: it is completed, aborted, or was never begun. Begin it again."}

// Lane takes files. Store and MaxSize are required; it must not change once
// used. It is safe for concurrent use.
type Lane struct {
	Store    Store
	Prefix   string          // what every key begins with, such as "conversations/"
	MaxSize  int64           // bytes in one file
	Rules    mediatype.Rules // held against name and declared type; the zero value accepts everything
	Required upload.Tag      // without it a file is not handed out; the zero value requires none
	Folders  *upload.Folders // what is known from earlier requests; nil means nothing
}

// Offer is a request that the client can send.
type Offer struct {
	Signed
	Key string
	// There is the same file, which is stored under the key already and need not
	// be sent. Nil where nothing is.
	There *upload.Outcome
}

// Put signs a request that writes the file, under a name that is free now or that
// the same file has. The errors of this and the other methods are a [Refusal]
// where the client is to know why.
func (l *Lane) Put(ctx context.Context, c upload.Conversation, f File) (Offer, error) {
	switch {
	case f.Size > MaxPut:
		return Offer{}, &Refusal{upload.TooLarge, fmt.Sprintf(
			"One request takes at most %d bytes. Send the file in parts.", int64(MaxPut))}
	case f.Size < 0 && l.MaxSize < MaxPut:
		return Offer{}, &Refusal{SizeRequired, fmt.Sprintf(
			"At most %d bytes are accepted: say the size of the file, or send it in parts.", l.MaxSize)}
	case f.Size == 0:
		f.SHA256 = sha256.Sum256(nil) // a length of zero cannot be signed, a hash can
	}
	// Bytes that S3 has verified are the same; what was only declared of others is
	// no reason to turn these away.
	return l.sign(ctx, c, f, Put, func(s Stored) bool { return s.Verified && s.SHA256 == f.SHA256 })
}

// SignBegin signs a request that begins an upload in parts, under a name that is
// free now: of an upload that the client begins itself, nobody knows the hash when
// it is completed.
func (l *Lane) SignBegin(ctx context.Context, c upload.Conversation, f File) (Offer, error) {
	return l.sign(ctx, c, f, Begin, func(Stored) bool { return false })
}

func (l *Lane) sign(ctx context.Context, c upload.Conversation, f File, step Step, isSame func(Stored) bool) (Offer, error) {
	o, there, err := l.object(ctx, c, f, isSame)
	if err != nil {
		return Offer{}, err
	}
	signed, err := l.Store.Sign(ctx, Operation{Step: step, Object: o})
	return Offer{signed, o.Key, there}, err
}

// Begun is an upload in parts.
type Begun struct {
	ID
	// There is the same file, as in Offer. The upload can be completed all the
	// same: the answer is that file.
	There *upload.Outcome
}

// Begin begins an upload in parts, under a name that is free now or that the same
// file has.
func (l *Lane) Begin(ctx context.Context, c upload.Conversation, f File) (Begun, error) {
	id := ID{Token: randomHex(tokenSize), Size: f.Size}
	if f.Size >= 0 {
		id.SHA256 = f.SHA256
	}
	o, there, err := l.object(ctx, c, f, id.names)
	if err != nil {
		return Begun{}, err
	}
	o.Token = id.Token
	id.Key = o.Key
	id.Upload, err = l.Store.Begin(ctx, o)
	return Begun{id, there}, err
}

// names reports whether an object is the file that the upload is to make: both
// have the hash, which of one in parts is what its sender declared, and the size.
func (id ID) names(s Stored) bool {
	return id.SHA256 != [32]byte{} && s.SHA256 == id.SHA256 && s.Size == id.Size
}

// object holds a file against the rules and names it. Where the same file is there
// already, that comes too.
func (l *Lane) object(ctx context.Context, c upload.Conversation, f File, isSame func(Stored) bool) (Object, *upload.Outcome, error) {
	if f.Name == "" {
		return Object{}, nil, &Refusal{upload.EmptyName, "The file has no name."}
	}
	if f.Size > l.MaxSize {
		return Object{}, nil, l.tooLarge(f.Size)
	}
	dir := l.dir(c)
	name := filename.In(dir, f.Name, f.Type)
	mediaType := mediatype.Claimed(filename.Base(name), f.Type)
	switch err := l.Rules.Check(filename.Base(name), mediaType); {
	case errors.Is(err, mediatype.ErrExtension):
		return Object{}, nil, &Refusal{upload.ExtensionNotAllowed, err.Error()}
	case err != nil:
		return Object{}, nil, &Refusal{upload.TypeNotAllowed, err.Error()}
	}
	name, err := l.Folders.Place(ctx, l.ask, dir, name)
	if err != nil {
		return Object{}, nil, err
	}
	name, there, err := l.place(ctx, dir, name, f.SHA256, isSame)
	return Object{
		Key:         dir + name,
		ContentType: string(mediaType),
		Disposition: filename.Attachment(name),
		Size:        f.Size,
		SHA256:      f.SHA256,
		CRC32:       f.CRC32,
	}, there, err
}

// place finds the first of the names of a file that is free or that the same file
// has: those of the other lane where the hash is said. Where it is not, and the
// plain name is taken, random digits take its place.
func (l *Lane) place(ctx context.Context, dir, name string, sum [32]byte, isSame func(Stored) bool) (string, *upload.Outcome, error) {
	isHashed := sum != [32]byte{}
	for _, digits := range append([]int{0}, upload.HashDigits[:]...) {
		candidate := name
		if digits > 0 {
			candidate = filename.WithHash(name, sum, digits)
		}
		stored, err := l.Store.Describe(ctx, dir+candidate)
		isFree := errors.Is(err, upload.ErrNotFound)
		switch {
		case isFree && !l.Folders.IsFolder(ctx, l.ask, dir, candidate):
			return candidate, nil, nil
		case err != nil && !isFree:
			return "", nil, fmt.Errorf("ask whether the name is free: %w", err)
		case !isFree && isHashed && isSame(stored):
			there, err := l.outcome(ctx, dir+candidate, stored)
			return candidate, &there, err
		case !isHashed:
			return filename.WithHash(name, random(), randomDigits), nil, nil
		}
	}
	return filename.WithHash(name, random(), randomDigits), nil, nil
}

// randomDigits are the hexadecimal ones in a name where the hash gives none.
const randomDigits = 8

func random() (mark [32]byte) {
	rand.Read(mark[:])
	return mark
}

func (l *Lane) ask(ctx context.Context, key string) error {
	_, err := l.Store.Describe(ctx, key)
	return err
}

func (l *Lane) tooLarge(size int64) *Refusal {
	return &Refusal{upload.TooLarge, fmt.Sprintf("The file has %d bytes; at most %d are accepted.", size, l.MaxSize)}
}

// nameOf is the name of the file that has a key.
func (l *Lane) nameOf(key string) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(key, l.Prefix), "/")
	return name
}

func (l *Lane) dirOf(key string) string { return strings.TrimSuffix(key, l.nameOf(key)) }

func (l *Lane) dir(c upload.Conversation) string { return l.Prefix + c.String() + "/" }

// tokenSize is the length of a token in bytes.
const tokenSize = 8

func randomHex(size int) string {
	b := make([]byte, size)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// String is the upload's id as clients have it: the token, where they were said a
// dash and the size and a dash and the hash, a dot, and the store's id.
func (id ID) String() string {
	ours := id.Token
	if id.Size >= 0 {
		ours += "-" + strconv.FormatInt(id.Size, 10)
	}
	if id.SHA256 != [32]byte{} {
		ours += "-" + hex.EncodeToString(id.SHA256[:])
	}
	if id.Token == "" {
		return id.Upload
	}
	return ours + "." + id.Upload
}

// maxUpload is the most bytes of a store's upload id that are handed on.
const maxUpload = 1024

// ParseID reads what a client says of an upload. It is a Refusal where the key
// is none of the conversation's, or the id none that a store gives.
func (l *Lane) ParseID(c upload.Conversation, key, uploadID string) (ID, error) {
	id := ID{Key: key, Upload: uploadID, Size: -1}
	if ours, rest, ok := strings.Cut(uploadID, "."); ok {
		if known, ok := parseOurs(ours); ok {
			known.Key, known.Upload = key, rest
			id = known
		}
	}
	name, ok := strings.CutPrefix(key, l.dir(c))
	if !ok || !filename.Is(l.dir(c), name) || !isUpload(id.Upload) {
		return ID{}, errNoUpload
	}
	return id, nil
}

// parseOurs reads what stands before the store's id. Without it, or with another
// size or hash, a client can deceive itself and nobody else.
func parseOurs(s string) (id ID, ok bool) {
	token, said, isSized := strings.Cut(s, "-")
	if decoded, err := hex.DecodeString(token); err != nil || len(decoded) != tokenSize {
		return ID{}, false
	}
	id = ID{Token: token, Size: -1}
	if !isSized {
		return id, true
	}
	size, hash, isHashed := strings.Cut(said, "-")
	n, err := strconv.ParseUint(size, 10, 63)
	if err != nil {
		return ID{}, false
	}
	id.Size = int64(n) //nolint:gosec // of 63 bits
	if !isHashed {
		return id, true
	}
	sum, err := hex.DecodeString(hash)
	if err != nil || len(sum) != len(id.SHA256) {
		return ID{}, false
	}
	id.SHA256 = [32]byte(sum)
	return id, true
}

// isUpload wants what cannot be mistaken for anything but an id: some stores
// make a path of it.
func isUpload(s string) bool {
	outside := func(r rune) bool {
		switch {
		case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return false
		}
		return !strings.ContainsRune("-._~+=", r)
	}
	return s != "" && s != "." && s != ".." && len(s) <= maxUpload && !strings.ContainsFunc(s, outside)
}

// Parts are the parts of an upload that are there.
func (l *Lane) Parts(ctx context.Context, id ID) ([]Part, error) {
	parts, err := l.Store.Parts(ctx, id)
	if errors.Is(err, ErrNoUpload) {
		return nil, errNoUpload
	}
	return parts, err
}

// SignPart signs a request that writes one part. Its size is part of the
// signature, unless it is negative: then it is any.
func (l *Lane) SignPart(ctx context.Context, id ID, number int, size int64) (Signed, error) {
	switch {
	case number < 1 || number > MaxParts:
		return Signed{}, &Refusal{WrongParts, fmt.Sprintf("The number of a part is from 1 to %d.", MaxParts)}
	case size == 0:
		// What cannot be enforced is not handed out.
		return Signed{}, &Refusal{WrongParts, "A size of 0 cannot be signed. An empty part is signed without its size."}
	case size > l.MaxSize:
		return Signed{}, l.tooLarge(size)
	case size > MaxPut:
		return Signed{}, &Refusal{upload.TooLarge, fmt.Sprintf(
			"The part has %d bytes; a part has at most %d.", size, int64(MaxPut))}
	}
	return l.Store.Sign(ctx, Operation{Step: PutPart, ID: id, Part: Part{Number: number, Size: size}})
}

// SignList signs a request for the parts that are there.
func (l *Lane) SignList(ctx context.Context, id ID) (Signed, error) {
	return l.Store.Sign(ctx, Operation{Step: List, ID: id})
}

// SignAbort signs a request that drops the parts.
func (l *Lane) SignAbort(ctx context.Context, id ID) (Signed, error) {
	return l.Store.Sign(ctx, Operation{Step: Abort, ID: id})
}

// SignComplete signs a request that makes the file of all parts that are there.
// Their size is part of it, so that none can grow meanwhile.
func (l *Lane) SignComplete(ctx context.Context, id ID) (Signed, error) {
	parts, err := l.Parts(ctx, id)
	if err != nil {
		return Signed{}, err
	}
	size, err := l.check(ctx, id, parts, parts)
	if err != nil {
		return Signed{}, err
	}
	switch _, err := l.Store.Describe(ctx, id.Key); {
	case err == nil:
		return Signed{}, l.giveUp(ctx, id, nameTaken)
	case !errors.Is(err, upload.ErrNotFound):
		return Signed{}, fmt.Errorf("ask whether the name is free: %w", err)
	}
	return l.Store.Sign(ctx, Operation{Step: Complete, ID: id, Size: size})
}

// Abort drops the parts. An upload that is not there needs nothing.
func (l *Lane) Abort(ctx context.Context, id ID) error { return l.Store.Abort(ctx, id) }

var nameTaken = &Refusal{NameTaken,
	"Another file got this name while this one was on its way. Nothing was overwritten; send the file again, and it gets a name of its own."}

// settleTime is kept of the context's time for asking the store what became of
// a completion that got no answer.
const settleTime = 400 * time.Millisecond

// Complete makes the file of the parts that the client names, which must be
// there as it says. What breaks a rule and cannot be mended is aborted.
// Completing again is answered as the first time. The outcome always has a
// receipt.
func (l *Lane) Complete(ctx context.Context, id ID, named []Part) (upload.Outcome, error) {
	// The link first: an object that nobody can be told of is not made.
	link, err := l.Store.Link(ctx, id.Key, l.nameOf(id.Key))
	if err != nil {
		return upload.Outcome{}, err
	}
	stored, err := l.complete(ctx, id, named)
	if err != nil {
		return upload.Outcome{}, err
	}
	return l.tell(ctx, id.Key, link, stored), nil
}

// outcome is what a client is told of an object that is there.
func (l *Lane) outcome(ctx context.Context, key string, stored Stored) (upload.Outcome, error) {
	link, err := l.Store.Link(ctx, key, l.nameOf(key))
	if err != nil {
		return upload.Outcome{}, err
	}
	return l.tell(ctx, key, link, stored), nil
}

func (l *Lane) tell(ctx context.Context, key string, link upload.Link, stored Stored) upload.Outcome {
	state, tagErr := l.Required.StateOf(ctx, l.Store, key)
	return upload.Outcome{Err: tagErr, Receipt: &upload.Receipt{
		Name:        l.nameOf(key),
		Key:         key,
		State:       state,
		Link:        link,
		Size:        stored.Size,
		ContentType: stored.ContentType,
		SHA256:      stored.SHA256,
	}}
}

func (l *Lane) complete(ctx context.Context, id ID, named []Part) (Stored, error) {
	parts, err := l.Store.Parts(ctx, id)
	if err != nil {
		return l.settle(ctx, id, err)
	}
	size, err := l.check(ctx, id, parts, named)
	if err != nil {
		return Stored{}, err
	}
	completing := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		completing, cancel = context.WithDeadline(ctx, deadline.Add(-settleTime))
		defer cancel()
	}
	return l.settle(ctx, id, l.Store.Complete(completing, id, named, size))
}

// settle finds out what became of an upload, whatever the store answered: an
// answer may have been lost, this time or the last.
func (l *Lane) settle(ctx context.Context, id ID, err error) (Stored, error) {
	if errors.Is(err, ErrParts) {
		return Stored{}, &Refusal{WrongParts, "The parts changed while they were being put together. List them, and complete again."}
	}
	if errors.Is(err, upload.ErrIsFolder) || errors.Is(err, upload.ErrBelowFile) {
		l.Folders.Refused(l.dirOf(id.Key), l.nameOf(id.Key), err)
		return Stored{}, l.giveUp(ctx, id, nameTaken)
	}
	lost := errors.Is(err, upload.ErrExists) || errors.Is(err, ErrNoUpload) || errors.Is(err, upload.ErrUnavailable)
	if err != nil && !lost {
		return Stored{}, err
	}
	stored, statErr := l.Store.Describe(ctx, id.Key)
	isThere := statErr == nil
	switch {
	case isThere && id.Token != "" && stored.Token == id.Token, isThere && id.Token == "" && err == nil:
		return stored, nil
	case isThere && id.names(stored):
		// Sent again, or twice at once. Parts that stay are for the bucket's lifecycle.
		_ = l.Store.Abort(ctx, id)
		return stored, nil
	case errors.Is(err, ErrNoUpload) && (isThere || errors.Is(statErr, upload.ErrNotFound)):
		return Stored{}, errNoUpload
	case isThere:
		return Stored{}, l.giveUp(ctx, id, nameTaken)
	case err == nil, errors.Is(err, upload.ErrExists):
		return Stored{}, fmt.Errorf("look at the completed file: %w: %w", upload.ErrUnavailable, statErr)
	}
	return Stored{}, errors.Join(err, statErr)
}

// check holds the parts that the client names against those that are there and
// against the size that it said, and returns their size. S3 takes numbers with
// gaps, but no client leaves any: a part that was never sent does.
func (l *Lane) check(ctx context.Context, id ID, there, named []Part) (size int64, err error) {
	if len(named) == 0 {
		return 0, &Refusal{WrongParts, "There is no part to make a file of."}
	}
	byNumber := make(map[int]Part, len(there))
	for _, p := range there {
		byNumber[p.Number] = p
	}
	for i, p := range named {
		stored, ok := byNumber[p.Number]
		switch {
		case p.Number != i+1:
			return 0, &Refusal{WrongParts, fmt.Sprintf(
				"The parts go from 1 on in order and without a gap; part %d stands where part %d should.", p.Number, i+1)}
		case !ok:
			return 0, &Refusal{WrongParts, fmt.Sprintf("Part %d has not been uploaded.", p.Number)}
		case stored.ETag != p.ETag:
			return 0, &Refusal{WrongParts, fmt.Sprintf("Part %d has another ETag than the one that was uploaded.", p.Number)}
		case i < len(named)-1 && stored.Size < MinPart:
			return 0, &Refusal{WrongParts, fmt.Sprintf(
				"Part %d has %d bytes; every part but the last has at least %d.", p.Number, stored.Size, MinPart)}
		}
		size += stored.Size
	}
	switch {
	case size > l.MaxSize:
		return 0, l.giveUp(ctx, id, l.tooLarge(size))
	case id.Size >= 0 && size != id.Size:
		return 0, &Refusal{WrongParts, fmt.Sprintf(
			"The parts have %d bytes in all; the file has %d. Send what is missing or wrong.", size, id.Size)}
	}
	return size, nil
}

// giveUp aborts an upload that can never become a file, and says why. Parts that
// stay all the same are for the bucket's lifecycle.
func (l *Lane) giveUp(ctx context.Context, id ID, why *Refusal) error {
	if err := l.Store.Abort(ctx, id); err != nil {
		return errors.Join(why, err)
	}
	return why
}
