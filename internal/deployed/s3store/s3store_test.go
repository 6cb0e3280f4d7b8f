package s3store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
)

func newStore(endpoint string, change func(*aws.Config, *s3store.Options)) *s3store.Store {
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}
	o := s3store.Options{Bucket: "bucket", Endpoint: endpoint, URLExpiry: time.Hour}
	if change != nil {
		change(&cfg, &o)
	}
	return s3store.New(cfg, o)
}

// serve answers requests in turn, and after that with the last answer.
func serve(t *testing.T, answers ...http.HandlerFunc) (endpoint string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(requests.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func ok(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

func fails(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		fmt.Fprintf(w, `<Error><Code>%s</Code><Message>no</Message></Error>`, code)
	}
}

func hangsUp(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

// What is on the wire decides whether S3 verifies the bytes and keeps what it has.
func TestCreateIsConditionalAndVerified(t *testing.T) {
	o := storetest.NewObject("conversations/c/résumé ~.txt", []byte("hello"))
	o.ContentType, o.Disposition = "text/plain", `attachment; filename="a.txt"`
	var got *http.Request
	var body []byte
	endpoint, requests := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	if err := newStore(endpoint, nil).Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	if got.Method != http.MethodPut || got.URL.Path != "/bucket/"+o.Key {
		t.Errorf("request = %s %s", got.Method, got.URL.Path)
	}
	for name, want := range map[string]string{
		"If-None-Match":                "*",
		"X-Amz-Checksum-Sha256":        base64.StdEncoding.EncodeToString(o.SHA256[:]),
		"X-Amz-Meta-Crc32":             "3610a686",
		"X-Amz-Content-Sha256":         hex.EncodeToString(o.SHA256[:]),
		"Content-Type":                 o.ContentType,
		"Content-Disposition":          o.Disposition,
		"X-Amz-Sdk-Checksum-Algorithm": "",
		"Content-Encoding":             "", // not aws-chunked, which not every S3 knows
		"Expect":                       "",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if signed := got.Header.Get("Authorization"); !strings.Contains(signed, "if-none-match") ||
		!strings.Contains(signed, "x-amz-checksum-sha256") {
		t.Errorf("Authorization = %q signs not the condition and the checksum", signed)
	}
	if !bytes.Equal(body, o.Data) {
		t.Errorf("body = %q, want %q", body, o.Data)
	}
}

// One hash serves the checksum and the signature, so a hash that is not that of
// the bytes reaches S3, which refuses it: nothing here computes it again.
func TestCreateDoesNotHashTheBodyAgain(t *testing.T) {
	o := storetest.NewObject("key", []byte("hello"))
	o.SHA256 = sha256.Sum256([]byte("other"))
	var got string
	endpoint, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("X-Amz-Content-Sha256") })
	if err := newStore(endpoint, nil).Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(o.SHA256[:]); got != want {
		t.Errorf("X-Amz-Content-Sha256 = %q, want the given %q", got, want)
	}
}

func TestCreateTriesAgain(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"slow down":            fails(503, "SlowDown"),
		"internal error":       fails(500, "InternalError"),
		"conditional conflict": fails(409, "ConditionalRequestConflict"),
		"bytes changed":        fails(400, "BadDigest"),
		"reset":                hangsUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, requests := serve(t, fault, ok)
			if err := newStore(endpoint, nil).Create(t.Context(), storetest.NewObject("key", []byte("x"))); err != nil {
				t.Error(err)
			}
			if n := requests.Load(); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
}

var errRefused = errors.New("neither taken nor unavailable")

func TestErrorsAreClassified(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"taken", fails(412, "PreconditionFailed"), upload.ErrExists},
		{"a folder on a disk", fails(409, "ExistingObjectIsDirectory"), upload.ErrIsFolder},
		{"below a file on a disk", fails(409, "ObjectParentIsFile"), upload.ErrBelowFile},
		{"a folder on MinIO's disk", fails(409, "XMinioObjectExistsAsDirectory"), upload.ErrIsFolder},
		{"below a file on MinIO's disk", fails(400, "XMinioParentIsObject"), upload.ErrBelowFile},
		{"always slow down", fails(503, "SlowDown"), upload.ErrUnavailable},
		{"always reset", hangsUp, upload.ErrUnavailable},
		{"credentials expired", fails(400, "ExpiredToken"), upload.ErrUnavailable},
		{"clock", fails(403, "RequestTimeTooSkewed"), upload.ErrUnavailable},
		{"too many requests", fails(429, "TooManyRequests"), upload.ErrUnavailable},
		{"access denied", fails(403, "AccessDenied"), errRefused},
		{"no bucket", fails(404, "NoSuchBucket"), errRefused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			endpoint, _ := serve(t, test.answer)
			err := newStore(endpoint, nil).Create(t.Context(), storetest.NewObject("key", []byte("x")))
			got := errRefused
			for _, known := range []error{upload.ErrExists, upload.ErrIsFolder, upload.ErrBelowFile, upload.ErrUnavailable} {
				if errors.Is(err, known) {
					got = known
				}
			}
			if err == nil || got != test.want {
				t.Errorf("Create = %v, want %v", err, test.want)
			}
		})
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	release := make(chan struct{})
	endpoint, _ := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	s := newStore(endpoint, nil)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	err := s.Create(ctx, storetest.NewObject("key", []byte("x")))
	if !errors.Is(err, upload.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Create = %v, want ErrUnavailable and context.Canceled", err)
	}
}

func TestStat(t *testing.T) {
	sum := sha256.Sum256([]byte("hello"))
	known := base64.StdEncoding.EncodeToString(sum[:])
	tests := []struct {
		name     string
		checksum string
		want     upload.Stored
	}{
		{"with a hash", known, upload.Stored{Size: 5, SHA256: sum, Hashed: true}},
		{"without", "", upload.Stored{Size: 5}},
		{"hash of parts", known + "-2", upload.Stored{Size: 5}},
		{"short hash", "aGVsbG8=", upload.Stored{Size: 5}},
	}
	for _, test := range tests {
		endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodHead || r.Header.Get("X-Amz-Checksum-Mode") != "ENABLED" {
				t.Errorf("request = %s, checksum mode %q", r.Method, r.Header.Get("X-Amz-Checksum-Mode"))
			}
			w.Header().Set("Content-Length", "5")
			if test.checksum != "" {
				w.Header().Set("X-Amz-Checksum-Sha256", test.checksum)
			}
		})
		if got, err := newStore(endpoint, nil).Stat(t.Context(), "key"); err != nil || got != test.want {
			t.Errorf("%s: Stat = %v, %v, want %v", test.name, got, err, test.want)
		}
	}
}

func TestStatOfAMissingKey(t *testing.T) {
	for _, status := range []int{
		http.StatusNotFound,
		http.StatusForbidden, // what a role gets that may not list the bucket
	} {
		endpoint, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if _, err := newStore(endpoint, nil).Stat(t.Context(), "key"); !errors.Is(err, upload.ErrNotFound) {
			t.Errorf("Stat of what is answered %d = %v, want ErrNotFound", status, err)
		}
	}
}

func TestLinkNamesThePublicEndpoint(t *testing.T) {
	s := newStore("http://s3.internal:9000", func(_ *aws.Config, o *s3store.Options) { o.PublicEndpoint = "https://files.example.com" })
	link, err := s.Link(t.Context(), "conversations/c/a b.txt", "a b.txt")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "https" || u.Host != "files.example.com" || u.Path != "/bucket/conversations/c/a b.txt" {
		t.Errorf("URL = %s", link.URL)
	}
	query := u.Query()
	if query.Get("X-Amz-Expires") != "3600" || !strings.HasPrefix(query.Get("response-content-disposition"), "attachment;") ||
		query.Get("response-content-encoding") != "identity" {
		t.Errorf("query = %v", query)
	}
}

func TestLinkOnAWSNamesTheBucketAsHost(t *testing.T) {
	link, err := newStore("", nil).Link(t.Context(), "key", "key")
	if err != nil || !strings.HasPrefix(link.URL, "https://bucket.s3.us-east-1.amazonaws.com/key?") {
		t.Errorf("URL = %q, %v", link.URL, err)
	}
}

func TestLinkExpiresWithTheCredentials(t *testing.T) {
	soon := time.Now().Add(10 * time.Minute).UTC().Truncate(time.Second)
	tests := []struct {
		name    string
		expires time.Time
		want    time.Time
	}{
		{"sooner than the URL", soon, soon},
		{"later than the URL", soon.Add(24 * time.Hour), time.Now().Add(time.Hour).UTC().Truncate(time.Second)},
	}
	for _, test := range tests {
		s := newStore("http://127.0.0.1:1", func(cfg *aws.Config, _ *s3store.Options) {
			cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "s", CanExpire: true, Expires: test.expires}, nil
			})
		})
		link, err := s.Link(t.Context(), "key", "key")
		if off := link.Expires.Sub(test.want); err != nil || off < -time.Minute || off > time.Minute {
			t.Errorf("%s: expires %v, %v, want %v", test.name, link.Expires, err, test.want)
		}
	}
}

func TestLinkWithoutCredentialsIsUnavailable(t *testing.T) {
	s := newStore("http://127.0.0.1:1", func(cfg *aws.Config, _ *s3store.Options) {
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no credentials")
		})
	})
	if _, err := s.Link(t.Context(), "key", "key"); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Link = %v, want ErrUnavailable", err)
	}
}
