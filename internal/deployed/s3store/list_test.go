package s3store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/deployed/upload"
)

// XML cannot hold every character of a key, so they come encoded where the server can.
func TestListReadsEncodedAndPlainKeys(t *testing.T) {
	for encoding, key := range map[string]string{
		"<EncodingType>url</EncodingType>": "p/a+b%2Bc%01%26%E6%97%A5.txt",
		"":                                 "p/a b+c\u00a0&amp;日.txt",
	} {
		var got *http.Request
		endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			fmt.Fprintf(w, `<ListBucketResult><IsTruncated>true</IsTruncated>%s<Contents><Key>%s</Key>`+
				`<LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>"e"</ETag><Size>7</Size></Contents></ListBucketResult>`, encoding, key)
		})
		page, err := newStore(endpoint, nil).List(t.Context(), "p/", "p/ü", 5)
		if err != nil {
			t.Fatal(err)
		}
		want := s3object.Page{More: true, Folders: []string{}, Objects: []s3object.Info{{
			Key: "p/a b+c\x01&日.txt", Size: 7, Modified: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), ETag: `"e"`,
		}}}
		if encoding == "" {
			want.Objects[0].Key = "p/a b+c\u00a0&日.txt"
		}
		if diff := cmp.Diff(want, page); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		query := got.URL.Query()
		for name, want := range map[string]string{
			"list-type": "2", "prefix": "p/", "start-after": "p/ü", "max-keys": "5", "encoding-type": "", "delimiter": "",
		} {
			if query.Get(name) != want {
				t.Errorf("%s = %q, want %q", name, query.Get(name), want)
			}
		}
	}
}

// A key that XML has no room for makes an answer that cannot be read; it is asked
// for once more in another form.
func TestListAsksForEncodedKeysWhereOthersCannotBeRead(t *testing.T) {
	var asked []string
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		encoding, key := r.URL.Query().Get("encoding-type"), "p/a\x01"
		asked = append(asked, encoding)
		if encoding != "" {
			key = "p/a%01"
		}
		fmt.Fprintf(w, `<ListBucketResult><EncodingType>%s</EncodingType><Contents><Key>%s</Key><LastModified>2026-01-02T03:04:05Z</LastModified>`+
			`<ETag>"e"</ETag><Size>7</Size></Contents></ListBucketResult>`, encoding, key)
	})
	page, err := newStore(endpoint, nil).List(t.Context(), "p/", "", 5)
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Key != "p/a\x01" {
		t.Errorf("List = %+v, %v, want the key as it is", page, err)
	}
	if asked[len(asked)-1] != "url" || asked[0] != "" {
		t.Errorf("asked for encodings %q, want none, and then url", asked)
	}
}

func TestFolderAsksForOneLevel(t *testing.T) {
	for after, start := range map[string]string{"": "", "p/a": "p/a", "p/b/": "p/b/\U0010ffff"} {
		var got *http.Request
		endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			io.WriteString(w, `<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><CommonPrefixes><Prefix>p/b+%2B/</Prefix></CommonPrefixes></ListBucketResult>`)
		})
		page, err := newStore(endpoint, nil).Folder(t.Context(), "p/", after, 5)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s3object.Page{More: true, Objects: []s3object.Info{}, Folders: []string{"p/b +/"}}, page); diff != "" {
			t.Errorf("Folder (-want +got):\n%s", diff)
		}
		query := got.URL.Query()
		if query.Get("delimiter") != "/" || query.Get("prefix") != "p/" || query.Get("start-after") != start || query.Get("max-keys") != "5" {
			t.Errorf("after %q: query = %v", after, query)
		}
	}
}

func TestListRefusesAKeyThatIsEncodedWrongly(t *testing.T) {
	endpoint, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>p/%zz</Key></Contents></ListBucketResult>`)
	})
	if page, err := newStore(endpoint, nil).List(t.Context(), "p/", "", 5); err == nil {
		t.Errorf("List = %+v, want an error", page)
	}
}

// What S3 has verified counts before what somebody has declared.
func TestHashIsTheVerifiedOneOrTheDeclared(t *testing.T) {
	const verified, declared = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, tt := range []struct {
		name, checksum, metadata, want string
	}{
		{"verified", verified, declared, "2cf24dba"},
		{"declared", "", declared, "e3b0c442"},
		{"of parts, and declared", verified + "-2", declared, "e3b0c442"},
		{"of parts", verified + "-2", "", ""},
		{"neither", "", "", ""},
		{"declared wrongly", "", "xyz", ""},
		{"declared too short", "", declared[:62], ""},
	} {
		endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("X-Amz-Checksum-Mode"); got != "ENABLED" {
				t.Errorf("checksum mode %q", got)
			}
			w.Header().Set("Content-Length", "0")
			if tt.checksum != "" {
				w.Header().Set("X-Amz-Checksum-Sha256", tt.checksum)
			}
			if tt.metadata != "" {
				w.Header().Set("X-Amz-Meta-Sha256", tt.metadata)
			}
		})
		head, err := newStore(endpoint, nil).Head(t.Context(), "key")
		if got := fmt.Sprintf("%x", head.SHA256[:4]); err != nil || head.Hashed != (tt.want != "") || head.Hashed && got != tt.want {
			t.Errorf("%s: hash %s, known %t, %v, want %q", tt.name, got, head.Hashed, err, tt.want)
		}
		if want := tt.checksum == verified; head.Verified != want {
			t.Errorf("%s: verified %t, want %t", tt.name, head.Verified, want)
		}
	}
}

// S3 keeps a CRC-32 of some objects that others put there; all else is declared.
func TestCRC32IsThatOfS3OrTheDeclared(t *testing.T) {
	for _, tt := range []struct {
		name, checksum, metadata string
		want                     s3object.CRC32
	}{
		{"of S3", "NhCmhg==", "00000001", s3object.CRC32{Sum: 0x3610a686, Known: true}},
		{"declared", "", "3610a686", s3object.CRC32{Sum: 0x3610a686, Known: true}},
		{"declared, and zero", "", "00000000", s3object.CRC32{Known: true}},
		{"of parts, and declared", "NhCmhg==-2", "3610A686", s3object.CRC32{Sum: 0x3610a686, Known: true}},
		{"of parts", "NhCmhg==-2", "", s3object.CRC32{}},
		{"neither", "", "", s3object.CRC32{}},
		{"declared wrongly", "", "3610a68", s3object.CRC32{}},
		{"declared as what is none", "", "-3610a68", s3object.CRC32{}},
		{"declared too long", "", "3610a68600", s3object.CRC32{}},
	} {
		endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if tt.checksum != "" {
				w.Header().Set("X-Amz-Checksum-Crc32", tt.checksum)
			}
			if tt.metadata != "" {
				w.Header().Set("X-Amz-Meta-Crc32", tt.metadata)
			}
		})
		store := newStore(endpoint, nil)
		if head, err := store.Head(t.Context(), "key"); err != nil || head.CRC32 != tt.want {
			t.Errorf("%s: Head has %+v, %v, want %+v", tt.name, head.CRC32, err, tt.want)
		}
		head, body, err := store.Open(t.Context(), s3object.Info{Key: "key", Size: 9, ETag: `"e"`}, 0)
		if err != nil || head.CRC32 != tt.want {
			t.Errorf("%s: Open has %+v, %v, want %+v", tt.name, head.CRC32, err, tt.want)
			continue
		}
		body.Close()
	}
}

func TestOpenHoldsTheBytesAgainstTheChecksum(t *testing.T) {
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("If-Match"); got != `"e"` {
			t.Errorf("If-Match = %q", got)
		}
		w.Header().Set("X-Amz-Checksum-Crc32", "AAAAAA==")
		io.WriteString(w, "not empty")
	})
	_, body, err := newStore(endpoint, nil).Open(t.Context(), s3object.Info{Key: "key", Size: 9, ETag: `"e"`}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if data, err := io.ReadAll(body); err == nil {
		t.Errorf("%q was read without an error, its checksum is another", data)
	}
}

func TestErrorsOfReadingAreClassified(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"no key", fails(404, "NoSuchKey"), upload.ErrNotFound},
		{"another object", fails(412, "PreconditionFailed"), upload.ErrNotFound},
		{"no bucket", fails(404, "NoSuchBucket"), errRefused},
		{"access denied", fails(403, "AccessDenied"), errRefused},
		{"slow down", fails(503, "SlowDown"), upload.ErrUnavailable},
		{"reset", hangsUp, upload.ErrUnavailable},
		{"credentials expired", fails(400, "ExpiredToken"), upload.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			endpoint, _ := serve(t, tt.answer)
			_, _, err := newStore(endpoint, nil).Open(t.Context(), s3object.Info{Key: "key", ETag: `"e"`}, 0)
			got := errRefused
			for _, known := range []error{upload.ErrNotFound, upload.ErrUnavailable} {
				if errors.Is(err, known) {
					got = known
				}
			}
			if err == nil || got != tt.want {
				t.Errorf("Open = %v, want %v", err, tt.want)
			}
		})
	}
}

// A role that may list one prefix only gets 403 for a key that is missing, as it
// does for one that it may not read.
func TestForbiddenIsMissingWhereTheListingSaysSo(t *testing.T) {
	const key = "conversations/c/a.txt"
	for _, tt := range []struct {
		name    string
		listing string // of what begins with the key; empty means that it is refused too
		missing bool
	}{
		{"nothing begins so", `<ListBucketResult></ListBucketResult>`, true},
		{"a longer key", `<ListBucketResult><Contents><Key>` + key + `.bak</Key></Contents></ListBucketResult>`, true},
		{"it is there", `<ListBucketResult><Contents><Key>` + key + `</Key></Contents></ListBucketResult>`, false},
		{"nobody can tell", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if query := r.URL.Query(); query.Get("list-type") == "2" && tt.listing != "" {
					if query.Get("prefix") != key {
						t.Errorf("prefix %q is listed", query.Get("prefix"))
					}
					io.WriteString(w, tt.listing)
					return
				}
				w.WriteHeader(http.StatusForbidden)
			})
			store := newStore(endpoint, nil)
			if _, err := store.Head(t.Context(), key); err == nil || errors.Is(err, upload.ErrNotFound) != tt.missing {
				t.Errorf("Head: %v; missing: want %t", err, tt.missing)
			}
			_, _, err := store.Open(t.Context(), s3object.Info{Key: key, ETag: `"e"`}, 0)
			if err == nil || errors.Is(err, upload.ErrNotFound) != tt.missing {
				t.Errorf("Open: %v; missing: want %t", err, tt.missing)
			}
		})
	}
}

// hung is an HTTP client whose server never answers.
type hung struct{}

func (hung) Do(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAStoreThatSaysNothingIsUnavailable(t *testing.T) {
	for name, ask := range map[string]func(*s3store.Store, context.Context) error{
		"List":   func(s *s3store.Store, ctx context.Context) error { _, err := s.List(ctx, "p/", "", 5); return err },
		"Head":   func(s *s3store.Store, ctx context.Context) error { _, err := s.Head(ctx, "p/a"); return err },
		"Delete": func(s *s3store.Store, ctx context.Context) error { return s.Delete(ctx, "p/a") },
		"Open": func(s *s3store.Store, ctx context.Context) error {
			_, _, err := s.Open(ctx, s3object.Info{Key: "p/a", ETag: `"e"`}, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newStore("", func(cfg *aws.Config, _ *s3store.Options) { cfg.HTTPClient = hung{} })
				begin := time.Now()
				if err := ask(store, t.Context()); !errors.Is(err, upload.ErrUnavailable) {
					t.Errorf("%v, want ErrUnavailable", err)
				}
				if took := time.Since(begin); took > 20*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
