// Package filestest holds the promises of a files.Store as tests, and a store in
// memory that keeps them.
package filestest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Bench is a store under test, and what puts objects into it.
type Bench struct {
	Store files.Store
	Put   func(ctx context.Context, o Object) error
}

func (b Bench) put(t *testing.T, o Object) {
	t.Helper()
	if err := b.Put(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// Run holds a store against the promises of files.Store. The prefix must be one
// under which nothing is stored.
func (b Bench) Run(t *testing.T, prefix string) {
	t.Run("a listing is whole and in order", func(t *testing.T) { b.listed(t, prefix+"listed/") })
	t.Run("a folder is listed with the folders in it", func(t *testing.T) { b.folder(t, prefix+"folder/") })
	t.Run("a prefix without objects has none", func(t *testing.T) { b.empty(t, prefix+"empty/") })
	t.Run("an object tells what it is", func(t *testing.T) { b.headed(t, prefix+"headed/") })
	t.Run("an object is read from any offset", func(t *testing.T) { b.opened(t, prefix+"opened/") })
	t.Run("another object is not read in its place", func(t *testing.T) { b.replaced(t, prefix+"replaced/") })
	t.Run("what is deleted is gone", func(t *testing.T) { b.deleted(t, prefix+"deleted/") })
	t.Run("a cancelled context ends every call", func(t *testing.T) { b.cancelled(t, prefix+"cancelled/") })
}

// listed puts names whose order by bytes is not that of letters.
func (b Bench) listed(t *testing.T, prefix string) {
	names := []string{"A", "B.txt", "a", "a b+c%20&=.txt", "a.txt", "b", "~", "é", "日本", "🎉"}
	for _, name := range names {
		b.put(t, Object{Key: prefix + name, Data: []byte(name)})
	}
	b.put(t, Object{Key: prefix[:len(prefix)-1] + "0", Data: []byte("beside")})
	for _, limit := range []int{1, 3, len(names) - 1, len(names), 1000} {
		var got []string
		after := ""
		for len(got) <= len(names) {
			page, err := b.Store.List(t.Context(), prefix, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Objects) > limit || page.More && len(page.Objects) == 0 {
				t.Fatalf("List(%q, %d) = %d objects, more %t", after, limit, len(page.Objects), page.More)
			}
			for _, o := range page.Objects {
				got = append(got, o.Key[len(prefix):])
				after = o.Key
				if o.Size != int64(len(got[len(got)-1])) || o.ETag == "" || o.Modified.IsZero() {
					t.Errorf("List has %+v, want size, ETag and time", o)
				}
			}
			if !page.More {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(names) {
			t.Errorf("by pages of %d: %q, want %q", limit, got, names)
		}
	}
	page, err := b.Store.List(t.Context(), prefix, prefix+"a!", 2)
	if err != nil || len(page.Objects) != 2 || page.Objects[0].Key != prefix+"a.txt" {
		t.Errorf("List after a key that is not there = %+v, %v, want the next", page, err)
	}
}

// folder has names that come before and after a slash, and one that would be
// passed over if a folder ended at the character behind its slash.
func (b Bench) folder(t *testing.T, prefix string) {
	for _, name := range []string{"a.txt", "b!", "b/1", "b/2", "b/c/d", "b0", "e é+%/x", "f", "g/h/i"} {
		b.put(t, Object{Key: prefix + name, Data: []byte(name)})
	}
	want := []string{"a.txt", "b!", "b/", "b0", "e é+%/", "f", "g/"}
	for _, limit := range []int{1, 2, 3, len(want), 1000} {
		var got []string
		after := ""
		for range want {
			page, err := b.Store.Folder(t.Context(), prefix, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			names := page.Folders
			for _, o := range page.Objects {
				names = append(names, o.Key)
			}
			slices.Sort(names)
			if len(names) > limit || page.More && len(names) == 0 {
				t.Fatalf("Folder(%q, %d) = %q, more %t", after, limit, names, page.More)
			}
			for _, name := range names {
				got = append(got, name[len(prefix):])
				after = name
			}
			if !page.More {
				break
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("by pages of %d: %q, want %q", limit, got, want)
		}
	}
	if page, err := b.Store.Folder(t.Context(), prefix+"g/", prefix+"g/", 10); err != nil || len(page.Folders) != 1 {
		t.Errorf("Folder after the folder itself = %+v, %v, want what is in it", page, err)
	}
	page, err := b.Store.Folder(t.Context(), prefix+"b/", "", 10)
	if err != nil || len(page.Objects) != 2 || fmt.Sprint(page.Folders) != fmt.Sprint([]string{prefix + "b/c/"}) {
		t.Errorf("Folder in a folder = %+v, %v, want two objects and a folder", page, err)
	}
	if page, err := b.Store.Folder(t.Context(), prefix+"nothing/", "", 10); err != nil || len(page.Objects)+len(page.Folders) != 0 {
		t.Errorf("Folder of what is not there = %+v, %v, want nothing", page, err)
	}
}

func (b Bench) empty(t *testing.T, prefix string) {
	if page, err := b.Store.List(t.Context(), prefix, "", 10); err != nil || len(page.Objects) != 0 || page.More {
		t.Errorf("List = %+v, %v, want nothing", page, err)
	}
}

func (b Bench) headed(t *testing.T, prefix string) {
	for name, o := range map[string]Object{
		"verified": {Verified: true}, "declared": {Declared: true}, "neither": {},
		"verified, with a CRC-32": {Verified: true, CRC32: s3object.CRC32{Sum: 0xabcd, Known: true}},
	} {
		o.Key, o.Data, o.ContentType = prefix+name, []byte("content of "+name), "text/plain; charset=utf-8"
		b.put(t, o)
		got, err := b.Store.Head(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		want := sha256.Sum256(o.Data)
		hashed := o.Verified || o.Declared
		if got.Key != o.Key || got.Size != int64(len(o.Data)) || got.ContentType != o.ContentType || got.Hashed != hashed || got.Verified != o.Verified || got.CRC32 != o.CRC32 ||
			hashed && got.SHA256 != want {
			t.Errorf("Head of an object whose hash is %s = %+v", name, got)
		}
		if info := b.info(t, o.Key); info != got.Info {
			t.Errorf("Head = %+v, but List = %+v", got.Info, info)
		}
	}
	if _, err := b.Store.Head(t.Context(), prefix+"missing"); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Head of a missing key = %v, want ErrNotFound", err)
	}
}

// info is what a listing has of a key.
func (b Bench) info(t *testing.T, key string) s3object.Info {
	t.Helper()
	page, err := b.Store.List(t.Context(), key, "", 1)
	if err != nil || len(page.Objects) == 0 {
		t.Fatalf("List(%q) = %+v, %v", key, page, err)
	}
	return page.Objects[0]
}

func (b Bench) opened(t *testing.T, prefix string) {
	for name, data := range map[string][]byte{"empty": {}, "résumé 日本 ~.bin": bytes.Repeat([]byte("\x00\xffabc"), 100_000)} {
		key := prefix + name
		b.put(t, Object{Key: key, Data: data, ContentType: "application/x-test", Verified: true})
		info := b.info(t, key)
		for _, from := range []int{0, 1, len(data) / 2, len(data) - 1} {
			if from != 0 && from >= len(data) || from < 0 {
				continue
			}
			head, body, err := b.Store.Open(t.Context(), info, int64(from))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			body.Close()
			if err != nil || !bytes.Equal(got, data[from:]) {
				t.Errorf("Open(%q, %d) gives %d bytes, %v, want %d", name, from, len(got), err, len(data)-from)
			}
			if head.Info != info || head.ContentType != "application/x-test" || from == 0 && (!head.Hashed || !head.Verified || head.SHA256 != sha256.Sum256(data)) {
				t.Errorf("Open(%q, %d) = %+v", name, from, head)
			}
		}
	}
	if _, _, err := b.Store.Open(t.Context(), s3object.Info{Key: prefix + "missing", ETag: `"x"`}, 0); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Open of a missing key = %v, want ErrNotFound", err)
	}
}

func (b Bench) replaced(t *testing.T, prefix string) {
	key := prefix + "key"
	b.put(t, Object{Key: key, Data: []byte("first")})
	info := b.info(t, key)
	if err := b.Store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	b.put(t, Object{Key: key, Data: []byte("other")})
	for _, from := range []int64{0, 2} {
		if _, _, err := b.Store.Open(t.Context(), info, from); !errors.Is(err, upload.ErrNotFound) {
			t.Errorf("Open of what was replaced, from %d = %v, want ErrNotFound", from, err)
		}
	}
}

func (b Bench) deleted(t *testing.T, prefix string) {
	key := prefix + "é b.txt"
	b.put(t, Object{Key: key, Data: []byte("x")})
	for range 2 {
		if err := b.Store.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete = %v", err)
		}
	}
	if _, err := b.Store.Head(t.Context(), key); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Head of what was deleted = %v, want ErrNotFound", err)
	}
	b.empty(t, prefix)
}

func (b Bench) cancelled(t *testing.T, prefix string) {
	key := prefix + "key"
	b.put(t, Object{Key: key, Data: []byte("x")})
	info := b.info(t, key)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, list := b.Store.List(ctx, prefix, "", 1)
	_, head := b.Store.Head(ctx, key)
	_, _, open := b.Store.Open(ctx, info, 0)
	for call, err := range map[string]error{"List": list, "Head": head, "Open": open, "Delete": b.Store.Delete(ctx, key)} {
		if !errors.Is(err, upload.ErrUnavailable) {
			t.Errorf("%s with a cancelled context = %v, want ErrUnavailable", call, err)
		}
	}
	if _, err := b.Store.Head(t.Context(), key); err != nil {
		t.Errorf("after a cancelled Delete: %v", err)
	}
}
