package s3store_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/deployed/upload/storetest"
)

// takesAll is an HTTP client whose store takes every object.
type takesAll struct{}

func (takesAll) Do(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"0"`}}, Body: http.NoBody, Request: r}, err
}

func benchStore() *s3store.Store {
	return newStore("", func(cfg *aws.Config, _ *s3store.Options) { cfg.HTTPClient = takesAll{} })
}

func BenchmarkCreate(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 4 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			store, o := benchStore(), storetest.NewObject("conversations/c/report.pdf", make([]byte, size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := store.Create(b.Context(), o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLink(b *testing.B) {
	store := benchStore()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Link(b.Context(), "conversations/c/report.pdf", "report.pdf"); err != nil {
			b.Fatal(err)
		}
	}
}
