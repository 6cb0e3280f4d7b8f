package s3store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/direct/directtest"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/localtest"
)

// sendHTTP sends a signed request as a client does.
func sendHTTP(t directtest.TB, signed direct.Signed, body []byte) (status int, etag string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, signed.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range signed.Headers {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		t.Logf("status %d: %s", response.StatusCode, text)
	}
	return response.StatusCode, strings.Trim(response.Header.Get("ETag"), `"`)
}

func TestTheStoreIsADirectStoreOnARealServer(t *testing.T) {
	stack := localtest.Start(t, local.Options{Getenv: func(string) string { return "" }})
	store := s3store.New(stack.AWS, s3store.Options{Bucket: stack.Bucket, Endpoint: stack.S3Endpoint, URLExpiry: time.Hour})
	directtest.Run(t, store, sendHTTP, "conversations/direct/")
}

// What is among the signed headers is what S3 enforces.
func TestSignedRequestsCarryTheirConditions(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	o := direct.Object{Key: "conversations/c/é a+b%.txt", ContentType: "text/plain", Disposition: "attachment", Size: 7, SHA256: sum}
	bare := direct.Object{Key: o.Key, ContentType: "text/plain", Disposition: "attachment", Size: -1}
	summed := bare
	summed.CRC32 = s3object.CRC32{Sum: 0xabcd, Known: true}
	id := direct.ID{Key: o.Key, Upload: "u", Token: "0123456789abcdef"}
	const content = "content-disposition;content-type;"
	tests := map[string]struct {
		operation direct.Operation
		signed    string
		query     string
		headers   map[string]string
	}{
		"put": {direct.Operation{Step: direct.Put, Object: o}, "content-disposition;content-length;content-type;host;if-none-match;x-amz-checksum-sha256", "",
			map[string]string{"If-None-Match": "*", "X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(sum[:])}},
		"put of unknown bytes": {direct.Operation{Step: direct.Put, Object: bare}, content + "host;if-none-match", "",
			map[string]string{"If-None-Match": "*", "Content-Type": "text/plain", "Content-Disposition": "attachment"}},
		"begin": {direct.Operation{Step: direct.Begin, Object: o}, content + "host;x-amz-meta-sha256", "uploads=",
			map[string]string{"X-Amz-Meta-Sha256": hex.EncodeToString(sum[:])}},
		"put with a CRC-32": {direct.Operation{Step: direct.Put, Object: summed}, content + "host;if-none-match;x-amz-meta-crc32", "",
			map[string]string{"X-Amz-Meta-Crc32": "0000abcd"}},
		"begin with a CRC-32": {direct.Operation{Step: direct.Begin, Object: summed}, content + "host;x-amz-meta-crc32", "uploads=",
			map[string]string{"X-Amz-Meta-Crc32": "0000abcd"}},
		"part":               {direct.Operation{Step: direct.PutPart, ID: id, Part: direct.Part{Number: 3, Size: 9}}, "content-length;host", "partNumber=3&uploadId=u", nil},
		"part of any length": {direct.Operation{Step: direct.PutPart, ID: id, Part: direct.Part{Number: 3, Size: -1}}, "host", "partNumber=3&uploadId=u", nil},
		"list":               {direct.Operation{Step: direct.List, ID: id}, "host", "uploadId=u", nil},
		"abort":              {direct.Operation{Step: direct.Abort, ID: id}, "host", "uploadId=u", nil},
		"complete": {direct.Operation{Step: direct.Complete, ID: id, Size: 12}, "host;if-none-match;x-amz-mp-object-size", "uploadId=u",
			map[string]string{"If-None-Match": "*", "X-Amz-Mp-Object-Size": "12"}},
	}
	s := newStore("http://s3.internal:9000", func(cfg *aws.Config, o *s3store.Options) {
		cfg.Credentials = credentials.NewStaticCredentialsProvider("id", "secret", "token")
		o.PublicEndpoint = "https://files.example.com"
		o.URLExpiry = 2 * time.Hour
	})
	for name, test := range tests {
		signed, err := s.Sign(t.Context(), test.operation)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(signed.URL)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		if u.Host != "files.example.com" || u.Path != "/bucket/"+o.Key {
			t.Errorf("%s: URL = %s", name, signed.URL)
		}
		if got := query.Get("X-Amz-SignedHeaders"); got != test.signed {
			t.Errorf("%s: signed headers = %s, want %s", name, got, test.signed)
		}
		if query.Get("X-Amz-Expires") != "3600" || signed.Expires != s3store.MaxUploadExpiry || query.Get("X-Amz-Security-Token") != "token" {
			t.Errorf("%s: expires %v, query %v", name, signed.Expires, query)
		}
		for name := range query {
			if strings.HasPrefix(name, "X-Amz-") {
				query.Del(name)
			}
		}
		if got := query.Encode(); got != test.query {
			t.Errorf("%s: query = %s, want %s", name, got, test.query)
		}
		for header, want := range test.headers {
			if got := signed.Headers[header]; got != want {
				t.Errorf("%s: %s = %q, want %q", name, header, got, want)
			}
		}
		// All that is signed, but for what the client sends of itself.
		if want := strings.Count(strings.ReplaceAll(";"+test.signed, ";content-length", ""), ";") - 1; len(signed.Headers) != want {
			t.Errorf("%s: headers = %v, want %d", name, signed.Headers, want)
		}
	}
}

func TestUploadURLsLiveNoLongerThanOthers(t *testing.T) {
	s := newStore("http://127.0.0.1:1", func(_ *aws.Config, o *s3store.Options) { o.URLExpiry = time.Minute })
	signed, err := s.Sign(t.Context(), direct.Operation{Step: direct.List, ID: direct.ID{Key: "k", Upload: "u"}})
	if err != nil || signed.Expires != time.Minute || !strings.Contains(signed.URL, "X-Amz-Expires=60&") {
		t.Errorf("Sign = %+v, %v, want a minute", signed, err)
	}
}

func TestBeginFixesWhatTheObjectIs(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	var got http.Header
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
	})
	id, err := newStore(endpoint, nil).Begin(t.Context(), direct.Object{
		Key: "k", ContentType: "text/plain", Disposition: "attachment", SHA256: sum, Token: "t", CRC32: s3object.CRC32{Sum: 1, Known: true},
	})
	if err != nil || id != "u" {
		t.Fatalf("Begin = %q, %v", id, err)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Content-Disposition": "attachment",
		"X-Amz-Meta-Sha256": hex.EncodeToString(sum[:]), "X-Amz-Meta-Upload": "t",
		"X-Amz-Meta-Crc32": "00000001",
	} {
		if got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Get(name), want)
		}
	}
}

func TestPartsReadsEveryPage(t *testing.T) {
	endpoint, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
		marker := r.URL.Query().Get("part-number-marker")
		next, truncated := map[string]string{"": "1000", "1000": "2000"}[marker]
		fmt.Fprintf(w, `<ListPartsResult><IsTruncated>%t</IsTruncated><NextPartNumberMarker>%s</NextPartNumberMarker>`+
			`<Part><PartNumber>%s1</PartNumber><Size>5</Size><ETag>"e%s"</ETag></Part></ListPartsResult>`, truncated, next, marker, marker)
	})
	got, err := newStore(endpoint, nil).Parts(t.Context(), direct.ID{Key: "k", Upload: "u"})
	want := []direct.Part{{Number: 1, Size: 5, ETag: "e"}, {Number: 10001, Size: 5, ETag: "e1000"}, {Number: 20001, Size: 5, ETag: "e2000"}}
	if err != nil || len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || requests.Load() != 3 {
		t.Errorf("Parts = %v, %v by %d requests, want %v by 3", got, err, requests.Load(), want)
	}
}

func TestUploadErrorsAreClassified(t *testing.T) {
	// S3 begins its answer before it knows how it ends
	// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
	lateError := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, `<Error><Code>InternalError</Code><Message>no</Message></Error>`)
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"no upload":      {fails(404, "NoSuchUpload"), direct.ErrNoUpload},
		"wrong part":     {fails(400, "InvalidPart"), direct.ErrParts},
		"order":          {fails(400, "InvalidPartOrder"), direct.ErrParts},
		"small part":     {fails(400, "EntityTooSmall"), direct.ErrParts},
		"other size":     {fails(400, "InvalidRequest"), direct.ErrParts},
		"taken":          {fails(412, "PreconditionFailed"), upload.ErrExists},
		"conflict":       {fails(409, "ConditionalRequestConflict"), upload.ErrUnavailable},
		"slow down":      {fails(503, "SlowDown"), upload.ErrUnavailable},
		"error with 200": {lateError, upload.ErrUnavailable},
		"reset":          {hangsUp, upload.ErrUnavailable},
		"access denied":  {fails(403, "AccessDenied"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, _ := serve(t, test.answer)
			err := newStore(endpoint, nil).Complete(t.Context(), direct.ID{Key: "k", Upload: "u"}, []direct.Part{{Number: 1, ETag: "e"}}, 1)
			for _, known := range []error{direct.ErrNoUpload, direct.ErrParts, upload.ErrExists, upload.ErrUnavailable} {
				if err == nil || errors.Is(err, known) != (known == test.want) {
					t.Errorf("Complete = %v, want %v", err, test.want)
				}
			}
		})
	}
}

func TestDescribeKnowsTheHash(t *testing.T) {
	verified, declared := sha256.Sum256([]byte("verified")), sha256.Sum256([]byte("declared"))
	for name, test := range map[string]struct {
		checksum, metadata string
		want               [32]byte
	}{
		"verified": {base64.StdEncoding.EncodeToString(verified[:]), hex.EncodeToString(declared[:]), verified},
		"declared": {"", hex.EncodeToString(declared[:]), declared},
		"of parts": {base64.StdEncoding.EncodeToString(verified[:]) + "-2", hex.EncodeToString(declared[:]), declared},
		"nonsense": {"", "nonsense", [32]byte{}},
		"unknown":  {"", "", [32]byte{}},
	} {
		endpoint, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for header, value := range map[string]string{
				"Content-Length": "5", "Content-Type": "text/x", "X-Amz-Meta-Upload": "t",
				"X-Amz-Checksum-Sha256": test.checksum, "X-Amz-Meta-Sha256": test.metadata,
			} {
				if value != "" {
					w.Header().Set(header, value)
				}
			}
		})
		want := direct.Stored{Size: 5, ContentType: "text/x", SHA256: test.want, Verified: test.want == verified, Token: "t"}
		if got, err := newStore(endpoint, nil).Describe(t.Context(), "key"); err != nil || got != want {
			t.Errorf("%s: Describe = %+v, %v, want %+v", name, got, err, want)
		}
	}
}
