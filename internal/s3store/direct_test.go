package s3store_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"uploadfiles/internal/direct"
	"uploadfiles/internal/direct/directtest"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/localtest"
	"uploadfiles/internal/s3store"
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
