// Package storetest holds the promises of an upload.Store as tests, and a store
// in memory that keeps them.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadfiles/internal/deployed/upload"
)

// Run holds a store against the promises of upload.Store. The prefix must be
// one under which nothing is stored.
func Run(t *testing.T, s upload.Store, prefix string) {
	t.Run("what is created is there", func(t *testing.T) { created(t, s, prefix) })
	t.Run("nothing is overwritten", func(t *testing.T) { notOverwritten(t, s, prefix) })
	t.Run("one of many wins", func(t *testing.T) { oneWins(t, s, prefix) })
	t.Run("a missing key is not found", func(t *testing.T) { notFound(t, s, prefix) })
	t.Run("a wrong hash is refused", func(t *testing.T) { wrongHash(t, s, prefix) })
	t.Run("a new object has no tags", func(t *testing.T) { untagged(t, s, prefix) })
	t.Run("a cancelled context ends the call", func(t *testing.T) { cancelled(t, s, prefix) })
	t.Run("a link downloads under the name", func(t *testing.T) { linked(t, s, prefix) })
}

// NewObject is an object of these bytes with all that belongs to it.
func NewObject(key string, data []byte) upload.Object {
	return upload.Object{
		Key:         key,
		ContentType: "application/octet-stream",
		Disposition: "attachment",
		Data:        data,
		SHA256:      sha256.Sum256(data),
		CRC32:       crc32.ChecksumIEEE(data),
	}
}

func created(t *testing.T, s upload.Store, prefix string) {
	for name, data := range map[string][]byte{
		"empty":           {},
		"résumé 日本 ~.txt": []byte("text"),
		"binary":          bytes.Repeat([]byte("\x00\xff\r\n--"), 100_000),
	} {
		o := NewObject(prefix+name, data)
		if err := s.Create(t.Context(), o); err != nil {
			t.Fatalf("Create(%q) = %v", o.Key, err)
		}
		want := upload.Stored{Size: int64(len(data)), SHA256: o.SHA256, Hashed: true}
		if got, err := s.Stat(t.Context(), o.Key); err != nil || got != want {
			t.Errorf("Stat(%q) = %v, %v, want %v", o.Key, got, err, want)
		}
	}
}

func notOverwritten(t *testing.T, s upload.Store, prefix string) {
	first := NewObject(prefix+"taken", bytes.Repeat([]byte("1"), 1<<20))
	if err := s.Create(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := NewObject(first.Key, bytes.Repeat([]byte("2"), 1<<20))
	if err := s.Create(t.Context(), second); !errors.Is(err, upload.ErrExists) {
		t.Errorf("Create of a taken key = %v, want ErrExists", err)
	}
	if got, err := s.Stat(t.Context(), first.Key); err != nil || got.SHA256 != first.SHA256 {
		t.Errorf("Stat = %v, %v, want the first object", got, err)
	}
}

func oneWins(t *testing.T, s upload.Store, prefix string) {
	const writers = 20
	results := make([]error, writers)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			results[i] = s.Create(t.Context(), NewObject(prefix+"race", fmt.Appendf(nil, "writer %d", i)))
		})
	}
	group.Wait()
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner < 0:
			winner = i
		case !errors.Is(err, upload.ErrExists):
			t.Errorf("writer %d: %v, want ErrExists", i, err)
		}
	}
	if winner < 0 {
		t.Fatal("no writer won")
	}
	want := sha256.Sum256(fmt.Appendf(nil, "writer %d", winner))
	if got, err := s.Stat(t.Context(), prefix+"race"); err != nil || got.SHA256 != want {
		t.Errorf("Stat = %v, %v, want the object of writer %d", got, err, winner)
	}
}

func notFound(t *testing.T, s upload.Store, prefix string) {
	if _, err := s.Stat(t.Context(), prefix+"missing"); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Stat of a missing key = %v, want ErrNotFound", err)
	}
}

func wrongHash(t *testing.T, s upload.Store, prefix string) {
	o := NewObject(prefix+"wrong", []byte("right"))
	o.Data = []byte("wrong")
	if err := s.Create(t.Context(), o); err == nil || errors.Is(err, upload.ErrExists) {
		t.Errorf("Create with a wrong hash = %v, want a refusal", err)
	}
	if _, err := s.Stat(t.Context(), o.Key); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Stat after the refusal = %v, want ErrNotFound", err)
	}
}

func untagged(t *testing.T, s upload.Store, prefix string) {
	o := NewObject(prefix+"untagged", []byte("x"))
	if err := s.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if value, err := s.Tag(t.Context(), o.Key, "scan"); err != nil || value != "" {
		t.Errorf("Tag = %q, %v, want none", value, err)
	}
}

func cancelled(t *testing.T, s upload.Store, prefix string) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Create(ctx, NewObject(prefix+"cancelled", []byte("x")))
	if !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Create with a cancelled context = %v, want ErrUnavailable", err)
	}
}

func linked(t *testing.T, s upload.Store, prefix string) {
	const name = `résumé "日本".txt`
	o := NewObject(prefix+"linked", []byte("content"))
	if err := s.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	link, err := s.Link(t.Context(), o.Key, name)
	if err != nil {
		t.Fatal(err)
	}
	if !link.Expires.After(time.Now()) {
		t.Errorf("the link expires at %v, which is over", link.Expires)
	}
	if !strings.HasPrefix(link.URL, "http") {
		return // the store in memory has no server
	}
	response, err := http.Get(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Equal(body, o.Data) {
		t.Errorf("the link gives %q, %v, want %q", body, err, o.Data)
	}
	kind, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
	if err != nil || kind != "attachment" || params["filename"] != name {
		t.Errorf("the link downloads as %q %q, %v, want attachment %q", kind, params, err, name)
	}
}
