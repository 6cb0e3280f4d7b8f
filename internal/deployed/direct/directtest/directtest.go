// Package directtest holds what every direct.Store must keep, and a store in
// memory that keeps it.
package directtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"testing"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/upload"
)

// TB is what a Sender needs of a test.
type TB = testing.TB

// Sender sends a signed request that writes, and returns the status and the
// ETag, without quotes, that it is answered with.
type Sender func(t TB, signed direct.Signed, body []byte) (status int, etag string)

// Run holds a store against the promises of direct.Store. The prefix must be one
// under which nothing is stored.
func Run(t *testing.T, s direct.Store, send Sender, prefix string) {
	r := rules{s, send, prefix}
	t.Run("what is put is there", r.put)
	t.Run("a put is what was signed", r.putAsSigned)
	t.Run("parts become an object", r.parts)
	t.Run("an empty part becomes an empty object", r.emptyPart)
	t.Run("an upload belongs to its key", r.foreign)
	t.Run("wrong parts make nothing", r.wrongParts)
	t.Run("nothing is overwritten", r.taken)
	t.Run("an abort is for good", r.abort)
	t.Run("a cancelled context ends the call", r.cancelled)
}

type rules struct {
	direct.Store
	send   Sender
	prefix string
}

func (r rules) object(name string, data []byte) direct.Object {
	return direct.Object{
		Key:         r.prefix + name,
		ContentType: "video/mp4",
		Disposition: "attachment",
		Size:        int64(len(data)),
		SHA256:      sha256.Sum256(data),
	}
}

func (r rules) sign(t *testing.T, o direct.Operation) direct.Signed {
	t.Helper()
	signed, err := r.Sign(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (r rules) begin(t *testing.T, o direct.Object) direct.ID {
	t.Helper()
	o.Token = "0123456789abcdef"
	id, err := r.Begin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return direct.ID{Key: o.Key, Upload: id, Token: o.Token}
}

func (r rules) part(t *testing.T, id direct.ID, number int, data []byte) direct.Part {
	t.Helper()
	p := direct.Part{Number: number, Size: int64(len(data))}
	status, etag := r.send(t, r.sign(t, direct.Operation{Step: direct.PutPart, ID: id, Part: p}), data)
	if status != http.StatusOK {
		t.Fatalf("part %d is answered %d", number, status)
	}
	p.ETag = etag
	return p
}

func (r rules) holds(t *testing.T, want direct.Object, token string) {
	t.Helper()
	got, err := r.Describe(t.Context(), want.Key)
	if err != nil || got != (direct.Stored{Size: want.Size, ContentType: want.ContentType, SHA256: want.SHA256, Verified: token == "", Token: token}) {
		t.Errorf("Describe(%q) = %+v, %v, want %+v", want.Key, got, err, want)
	}
}

func (r rules) isFree(t *testing.T, key string) {
	t.Helper()
	if _, err := r.Describe(t.Context(), key); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Describe(%q) = %v, want ErrNotFound", key, err)
	}
}

func (r rules) put(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty": {}, "résumé 日本 ~+%.mp4": []byte("content"), "large": bytes.Repeat([]byte("\x00\xff\r\n"), 100_000),
	} {
		o := r.object(name, data)
		if status, _ := r.send(t, r.sign(t, direct.Operation{Step: direct.Put, Object: o}), data); status != http.StatusOK {
			t.Fatalf("%s: status %d", name, status)
		}
		r.holds(t, o, "")
	}
}

func (r rules) putAsSigned(t *testing.T) {
	data := []byte("right")
	o := r.object("signed", data)
	signed := r.sign(t, direct.Operation{Step: direct.Put, Object: o})
	for name, wrong := range map[string][]byte{"longer": []byte("right!"), "empty": {}, "other": []byte("wrong")} {
		if status, _ := r.send(t, signed, wrong); status < 400 {
			t.Errorf("%s is answered %d", name, status)
		}
		r.isFree(t, o.Key)
	}
	if status, _ := r.send(t, signed, data); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if status, _ := r.send(t, signed, data); status != http.StatusPreconditionFailed {
		t.Errorf("the second time it is answered %d, want 412", status)
	}
	r.holds(t, o, "")
}

func (r rules) parts(t *testing.T) {
	first, last := bytes.Repeat([]byte("1"), direct.MinPart), []byte("last")
	o := r.object("parts", append(bytes.Clone(first), last...))
	id := r.begin(t, o)
	if parts, err := r.Parts(t.Context(), id); err != nil || len(parts) != 0 {
		t.Errorf("Parts of a new upload = %v, %v, want none", parts, err)
	}
	want := []direct.Part{r.part(t, id, 1, first), r.part(t, id, 3, last)}
	r.part(t, id, 2, []byte("not used"))
	r.isFree(t, o.Key)
	got, err := r.Parts(t.Context(), id)
	if err != nil || len(got) != 3 || got[0] != want[0] || got[2] != want[1] {
		t.Errorf("Parts = %v, %v, want %v with 2 between", got, err, want)
	}
	if err := r.Complete(t.Context(), id, want, o.Size); err != nil {
		t.Fatal(err)
	}
	r.holds(t, o, id.Token)
	if _, err := r.Parts(t.Context(), id); !errors.Is(err, direct.ErrNoUpload) {
		t.Errorf("Parts after Complete = %v, want ErrNoUpload", err)
	}
}

// Clients that always send parts do so for an empty file as well.
func (r rules) emptyPart(t *testing.T) {
	o := r.object("nothing", nil)
	id := r.begin(t, o)
	if err := r.Complete(t.Context(), id, []direct.Part{r.part(t, id, 1, nil)}, 0); err != nil {
		t.Fatal(err)
	}
	r.holds(t, o, id.Token)
}

func (r rules) foreign(t *testing.T) {
	id := r.begin(t, r.object("mine", []byte("x")))
	p := r.part(t, id, 1, []byte("x"))
	for _, foreign := range []direct.ID{
		{Key: r.prefix + "other", Upload: id.Upload}, {Key: id.Key, Upload: "00000000-0000-0000-0000-000000000000"},
	} {
		if _, err := r.Parts(t.Context(), foreign); !errors.Is(err, direct.ErrNoUpload) {
			t.Errorf("Parts(%v) = %v, want ErrNoUpload", foreign, err)
		}
		if err := r.Complete(t.Context(), foreign, []direct.Part{p}, 1); !errors.Is(err, direct.ErrNoUpload) {
			t.Errorf("Complete(%v) = %v, want ErrNoUpload", foreign, err)
		}
		if err := r.Abort(t.Context(), foreign); err != nil {
			t.Errorf("Abort(%v) = %v", foreign, err)
		}
		signed := r.sign(t, direct.Operation{Step: direct.PutPart, ID: foreign, Part: p})
		if status, _ := r.send(t, signed, []byte("x")); status != http.StatusNotFound {
			t.Errorf("a part of %v is answered %d, want 404", foreign, status)
		}
		r.isFree(t, foreign.Key)
	}
	if parts, err := r.Parts(t.Context(), id); err != nil || len(parts) != 1 {
		t.Errorf("Parts = %v, %v, want the one that was there", parts, err)
	}
}

func (r rules) wrongParts(t *testing.T) {
	id := r.begin(t, r.object("wrong", []byte("x")))
	a, b := r.part(t, id, 1, bytes.Repeat([]byte("a"), direct.MinPart)), r.part(t, id, 2, []byte("b"))
	small := r.part(t, id, 3, []byte("c"))
	size := a.Size + b.Size
	changed := direct.Part{Number: 2, ETag: a.ETag}
	for name, wrong := range map[string]struct {
		parts []direct.Part
		size  int64
	}{
		"missing":      {[]direct.Part{a, {Number: 4, ETag: b.ETag}}, size},
		"another ETag": {[]direct.Part{a, changed}, size},
		"small":        {[]direct.Part{b, small}, 2},
		"larger":       {[]direct.Part{a, b}, size - 1},
		"smaller":      {[]direct.Part{a, b}, size + 1},
	} {
		if err := r.Complete(t.Context(), id, wrong.parts, wrong.size); !errors.Is(err, direct.ErrParts) {
			t.Errorf("%s: Complete = %v, want ErrParts", name, err)
		}
		r.isFree(t, id.Key)
	}
	if err := r.Complete(t.Context(), id, []direct.Part{a, b}, size); err != nil {
		t.Errorf("Complete after all that = %v", err)
	}
}

func (r rules) taken(t *testing.T) {
	o := r.object("race", []byte("one"))
	first, second := r.begin(t, o), r.begin(t, o)
	one, two := r.part(t, first, 1, []byte("one")), r.part(t, second, 1, []byte("two"))
	if err := r.Complete(t.Context(), first, []direct.Part{one}, 3); err != nil {
		t.Fatal(err)
	}
	if err := r.Complete(t.Context(), second, []direct.Part{two}, 3); !errors.Is(err, upload.ErrExists) {
		t.Errorf("Complete of a taken key = %v, want ErrExists", err)
	}
	r.holds(t, o, first.Token)
}

func (r rules) abort(t *testing.T) {
	id := r.begin(t, r.object("aborted", []byte("x")))
	p := r.part(t, id, 1, []byte("x"))
	for range 2 {
		if err := r.Abort(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Complete(t.Context(), id, []direct.Part{p}, 1); !errors.Is(err, direct.ErrNoUpload) {
		t.Errorf("Complete after Abort = %v, want ErrNoUpload", err)
	}
	r.isFree(t, id.Key)
}

func (r rules) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	id := direct.ID{Key: r.prefix + "cancelled", Upload: "id"}
	_, beginErr := r.Begin(ctx, direct.Object{Key: id.Key})
	_, partsErr := r.Parts(ctx, id)
	for name, err := range map[string]error{
		"Begin": beginErr, "Parts": partsErr, "Complete": r.Complete(ctx, id, nil, 0), "Abort": r.Abort(ctx, id),
	} {
		if !errors.Is(err, upload.ErrUnavailable) {
			t.Errorf("%s with a cancelled context = %v, want ErrUnavailable", name, err)
		}
	}
}
