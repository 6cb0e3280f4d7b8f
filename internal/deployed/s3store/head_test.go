package s3store_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/deployed/upload"
)

// A HEAD is made here and not by the SDK, and has to do what the SDK does.
func TestHeadIsSignedAsTheSDKSignsIt(t *testing.T) {
	const key = "conversations/c/résumé ~ a+b%2F.txt"
	var got []*http.Request
	endpoint, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = append(got, r) })
	token := credentials.NewStaticCredentialsProvider("id", "secret", "token")
	for range 10 { // until both are made in one second, which is part of the signature
		got = nil
		if _, err := newStore(endpoint, func(cfg *aws.Config, _ *s3store.Options) { cfg.Credentials = token }).Head(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		client := s3.NewFromConfig(aws.Config{Region: "us-east-1", Credentials: token}, func(o *s3.Options) {
			o.BaseEndpoint, o.UsePathStyle = &endpoint, true
		})
		_, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{
			Bucket: aws.String("bucket"), Key: aws.String(key), ChecksumMode: types.ChecksumModeEnabled,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Header.Get("X-Amz-Date") == got[1].Header.Get("X-Amz-Date") {
			break
		}
	}
	if ours, sdks := got[0].RequestURI, got[1].RequestURI; ours != sdks && ours+"?x-id=HeadObject" != sdks {
		t.Errorf("the path is %q, the SDK's %q", ours, sdks)
	}
	for _, name := range []string{"X-Amz-Checksum-Mode", "X-Amz-Content-Sha256", "X-Amz-Security-Token", "X-Amz-Date"} {
		if ours, sdks := got[0].Header.Get(name), got[1].Header.Get(name); ours != sdks {
			t.Errorf("%s = %q, the SDK's is %q", name, ours, sdks)
		}
	}
	for _, signed := range []string{"host", "x-amz-checksum-mode", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} {
		if authorization := got[0].Header.Get("Authorization"); !strings.Contains(authorization, signed) {
			t.Errorf("%s is not signed: %s", signed, authorization)
		}
	}
}

// answers is an HTTP client whose server answers with a status in turn; zero is a
// connection that is reset.
type answers struct {
	statuses []int
	times    []time.Time
}

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status := a.statuses[min(len(a.times), len(a.statuses)-1)]
	a.times = append(a.times, time.Now())
	if status == 0 {
		return nil, errors.New("read: connection reset by peer")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func TestHeadIsTriedAgainAsOtherCallsAre(t *testing.T) {
	for _, tt := range []struct {
		name     string
		statuses []int
		attempts int
		want     error
	}{
		{"at once", []int{200}, 1, nil},
		{"slow down once", []int{503, 200}, 2, nil},
		{"internal error and a reset", []int{500, 0, 200}, 3, nil},
		{"always slow down", []int{503}, 3, upload.ErrUnavailable},
		{"always reset", []int{0}, 3, upload.ErrUnavailable},
		{"missing", []int{404}, 1, upload.ErrNotFound},
		{"too many requests", []int{429}, 1, upload.ErrUnavailable},
		{"bad request", []int{400}, 1, errRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &answers{statuses: tt.statuses}
				store := newStore("", func(cfg *aws.Config, _ *s3store.Options) { cfg.HTTPClient = server })
				begin := time.Now()
				_, err := store.Head(t.Context(), "key")
				if tt.want == errRefused && err != nil && !errors.Is(err, upload.ErrUnavailable) && !errors.Is(err, upload.ErrNotFound) {
					err = errRefused
				}
				if !errors.Is(err, tt.want) || len(server.times) != tt.attempts {
					t.Errorf("Head = %v after %d attempts, want %v after %d", err, len(server.times), tt.want, tt.attempts)
				}
				// A wait is of any length up to two seconds.
				if took := time.Since(begin); took > 4*time.Second || tt.attempts > 1 && took == 0 {
					t.Errorf("%d attempts took %v", tt.attempts, took)
				}
			})
		})
	}
}

// Where everything fails, retries stop: each takes from what all calls have, and
// only a success gives some of it back.
func TestRetriesOfHeadsRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &answers{statuses: []int{503}}
		store := newStore("", func(cfg *aws.Config, _ *s3store.Options) { cfg.HTTPClient = server })
		const calls = 200
		for range calls {
			if _, err := store.Head(t.Context(), "key"); !errors.Is(err, upload.ErrUnavailable) {
				t.Fatalf("Head = %v, want ErrUnavailable", err)
			}
		}
		if n := len(server.times); n > 2*calls {
			t.Errorf("%d attempts in %d calls that all fail", n, calls)
		}
		server.statuses = []int{200}
		if _, err := store.Head(t.Context(), "key"); err != nil {
			t.Errorf("Head of a store that is up again = %v", err)
		}
	})
}

func TestHeadWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &answers{statuses: []int{503}}
		store := newStore("", func(cfg *aws.Config, _ *s3store.Options) { cfg.HTTPClient = server })
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		begin := time.Now()
		_, err := store.Head(ctx, "key")
		if !errors.Is(err, upload.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > time.Nanosecond {
			t.Errorf("Head = %v after %v, want the context's error at once", err, time.Since(begin))
		}
	})
}

func TestHeadWithoutCredentialsIsUnavailable(t *testing.T) {
	store := newStore("http://127.0.0.1:1", func(cfg *aws.Config, _ *s3store.Options) {
		cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, errors.New("no credentials")
		})
	})
	if _, err := store.Head(t.Context(), "key"); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Head = %v, want ErrUnavailable", err)
	}
}

// tellsAll is an HTTP client whose store has every object.
type tellsAll struct{}

func (tellsAll) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, ContentLength: 7, Body: http.NoBody, Request: r, Header: http.Header{
		"Etag": {`"0"`}, "Content-Type": {"text/plain"}, "Last-Modified": {"Fri, 02 Jan 2026 03:04:05 GMT"},
		"X-Amz-Checksum-Sha256": {"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="},
	}}, nil
}

// BenchmarkHead asks for one object, here and by the SDK's operation.
func BenchmarkHead(b *testing.B) {
	var config aws.Config
	store := newStore("", func(cfg *aws.Config, _ *s3store.Options) {
		cfg.HTTPClient = tellsAll{}
		config = *cfg
	})
	client := s3.NewFromConfig(config)
	for name, ask := range map[string]func(context.Context) error{
		"ours": func(ctx context.Context) error {
			_, err := store.Head(ctx, "conversations/c/report.pdf")
			return err
		},
		"SDK": func(ctx context.Context) error {
			_, err := client.HeadObject(ctx, &s3.HeadObjectInput{
				Bucket: aws.String("bucket"), Key: aws.String("conversations/c/report.pdf"), ChecksumMode: types.ChecksumModeEnabled,
			})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestHeadTakesFewAllocations(t *testing.T) {
	store := newStore("", func(cfg *aws.Config, _ *s3store.Options) { cfg.HTTPClient = tellsAll{} })
	n := testing.AllocsPerRun(100, func() {
		if _, err := store.Head(t.Context(), "conversations/c/report.pdf"); err != nil {
			t.Fatal(err)
		}
	})
	if n > 100 { // the SDK's operation takes 400
		t.Errorf("a HEAD takes %.0f allocations, want at most 100", n)
	}
}
