package s3store_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/s3store"
)

func TestOriginIsThatOfTheLinks(t *testing.T) {
	for _, test := range []struct {
		name     string
		endpoint string
		change   func(*aws.Config, *s3store.Options)
		want     string
	}{
		{"AWS", "", nil, "https://bucket.s3.us-east-1.amazonaws.com"},
		{"a bucket whose name is no host", "", func(_ *aws.Config, o *s3store.Options) { o.Bucket = "my.bucket" }, "https://s3.us-east-1.amazonaws.com"},
		{"an endpoint", "http://127.0.0.1:7070", nil, "http://127.0.0.1:7070"},
		{"a public endpoint", "http://s3.internal:9000", func(_ *aws.Config, o *s3store.Options) { o.PublicEndpoint = "https://files.example.com" }, "https://files.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore(test.endpoint, test.change)
			got, err := s.Origin(t.Context())
			if err != nil || got != test.want {
				t.Errorf("Origin() = %q, %v, want %q", got, err, test.want)
			}
			link, err := s.Link(t.Context(), "key", "key")
			if err != nil || !strings.HasPrefix(link.URL, got+"/") {
				t.Errorf("a link is %q, %v, beside the origin %q", link.URL, err, got)
			}
		})
	}
}
