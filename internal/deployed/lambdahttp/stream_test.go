package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

const streamedType = "application/vnd.awslambda.http-integration-response"

// prelude is what comes before the body of a streamed answer.
type prelude struct {
	Status            int                 `json:"statusCode"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
}

// split takes a streamed answer apart. It knows no other fields than Lambda does.
func split(t *testing.T, answer []byte) (prelude, string) {
	t.Helper()
	front, body, found := bytes.Cut(answer, make([]byte, 8))
	if !found {
		t.Fatalf("no eight zero bytes in %.200q", answer)
	}
	var p prelude
	decoder := json.NewDecoder(bytes.NewReader(front))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("prelude %s: %v", front, err)
	}
	return p, string(body)
}

func stream(t *testing.T, kind lambdahttp.Kind, changes object, handler http.HandlerFunc) (contentType string, answer []byte, err error) {
	t.Helper()
	s, err := lambdahttp.New(handler, lambdahttp.Options{}).Stream(t.Context(), newEvent(t, kind, changes))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	answer, err = io.ReadAll(s)
	return s.ContentType(), answer, err
}

func TestStreamHasPreludeAndBody(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("X-Line", "a\r\nb")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "1")
		for range 1000 {
			io.WriteString(w, "\x00\xffbinary &<>")
		}
	}
	body := strings.Repeat("\x00\xffbinary &<>", 1000)
	for kind, want := range map[lambdahttp.Kind]prelude{
		lambdahttp.REST: {
			Status:            201,
			Headers:           map[string]string{"Content-Type": "application/zip", "X-Line": "a  b"},
			MultiValueHeaders: map[string][]string{"Set-Cookie": {"a=1", "b=2"}, "X-Two": {"1", "2"}},
		},
		lambdahttp.FunctionURL: {
			Status:  201,
			Headers: map[string]string{"Content-Type": "application/zip", "X-Line": "a  b", "X-Two": "1, 2"},
			Cookies: []string{"a=1", "b=2"},
		},
	} {
		contentType, answer, err := stream(t, kind, nil, handler)
		if err != nil || contentType != streamedType {
			t.Errorf("%s: type %q, %v", kind, contentType, err)
		}
		got, text := split(t, answer)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: prelude (-want +got):\n%s", kind, diff)
		}
		if text != body {
			t.Errorf("%s: the body has %d bytes, want %d as they were written", kind, len(text), len(body))
		}
	}
}

func TestStreamKeepsTheRulesOfHTTP(t *testing.T) {
	tests := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		status  int
		body    string
	}{
		{"nothing written", "GET", func(http.ResponseWriter, *http.Request) {}, 200, ""},
		{"body without status", "GET", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") }, 200, "x"},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "not sent") }, 200, ""},
		{"no content", "DELETE", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := io.WriteString(w, "not sent"); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("write after 204 = %v", err)
			}
		}, 204, ""},
		{"redirect", "GET", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://x.example/", http.StatusTemporaryRedirect)
		}, 307,
			"<a href=\"https://x.example/\">Temporary Redirect</a>.\n\n"},
	}
	for _, tt := range tests {
		_, answer, err := stream(t, lambdahttp.REST, object{"httpMethod": tt.method}, tt.handler)
		got, body := split(t, answer)
		if err != nil || got.Status != tt.status || body != tt.body {
			t.Errorf("%s: %d %q, %v, want %d %q", tt.name, got.Status, body, err, tt.status, tt.body)
		}
	}
}

func TestKindsThatCannotStreamGetTheAnswerWhole(t *testing.T) {
	for _, kind := range []lambdahttp.Kind{lambdahttp.HTTPAPI, lambdahttp.ALB, lambdahttp.ALBMultiValue} {
		contentType, answer, err := stream(t, kind, nil, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "whole") })
		if err != nil || contentType != "application/json" {
			t.Errorf("%s: type %q, %v, want JSON", kind, contentType, err)
		}
		if got, err := gateway.Decode(kind, answer); err != nil || got.Status != 200 || string(got.Body) != "whole" {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
}

func TestStreamOfAnEventThatIsNoRequestIsRefused(t *testing.T) {
	h := lambdahttp.New(http.NotFoundHandler(), lambdahttp.Options{})
	for event, form := range map[string]string{
		`{"httpMethod":"GET","path":"/","body":7,"requestContext":{}}`: streamedType,
		`{"httpMethod":"G T","path":"/","requestContext":{}}`:          streamedType,
		`{"Records":[]}`: "application/json",
		`[]`:             "application/json",
	} {
		s, err := h.Stream(t.Context(), json.RawMessage(event))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(s)
		if err != nil || s.Close() != nil || s.ContentType() != form || !bytes.Contains(answer, []byte(`"statusCode":400`)) {
			t.Errorf("Stream(%s) = %q as %q, %v, want 400 as %q", event, answer, s.ContentType(), err, form)
		}
	}
}

func TestStreamOfAPanicBeforeTheFirstByteIs500(t *testing.T) {
	_, answer, err := stream(t, lambdahttp.REST, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Half", "done")
		panic("s3cr3t")
	})
	got, body := split(t, answer)
	want := prelude{Status: 500, Headers: map[string]string{"Content-Type": "application/json"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || body != `{"detail":"Internal Server Error"}` {
		t.Errorf("answer = %q, %v (-want +got):\n%s", body, err, diff)
	}
}

func TestStreamThatIsBrokenOffEndsInAnError(t *testing.T) {
	for name, value := range map[string]any{"panic": "s3cr3t", "abort": http.ErrAbortHandler} {
		for _, size := range []int{1, 1 << 20} {
			_, answer, err := stream(t, lambdahttp.REST, nil, func(w http.ResponseWriter, _ *http.Request) {
				w.Write(make([]byte, size))
				panic(value)
			})
			if !errors.Is(err, lambdahttp.ErrBrokenOff) || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%s after %d bytes: %d bytes, then %v, want ErrBrokenOff", name, size, len(answer), err)
			}
		}
	}
}

// Who does not read holds the handler up: an answer is never in memory whole.
func TestStreamWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written atomic.Int64
		h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				n, _ := w.Write(make([]byte, 10_000))
				written.Add(int64(n))
			}
		}), lambdahttp.Options{})
		s, err := h.Stream(t.Context(), newEvent(t, lambdahttp.REST, nil))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := written.Load(); n > 100_000 {
			t.Errorf("%d bytes were taken before anybody read", n)
		}
		answer, err := io.ReadAll(s)
		if _, body := split(t, answer); err != nil || len(body) != 10_000_000 {
			t.Errorf("%d bytes, %v, want 10,000,000", len(body), err)
		}
		s.Close()
	})
}

func TestFlushSendsWhatIsWritten(t *testing.T) {
	read := make(chan struct{})
	h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush = %v", err)
		}
		<-read
	}), lambdahttp.Options{})
	s, err := h.Stream(t.Context(), newEvent(t, lambdahttp.REST, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	part := make([]byte, 1000)
	n, err := s.Read(part)
	if err != nil || !bytes.HasSuffix(part[:n], []byte("first")) {
		t.Errorf("Read = %q, %v, want what was flushed", part[:n], err)
	}
	close(read)
}

// A client that goes away is one that closes the stream.
func TestCloseEndsTheHandlerAndWaitsForIt(t *testing.T) {
	var done atomic.Bool
	h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer done.Store(true)
		for {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				<-r.Context().Done()
				time.Sleep(10 * time.Millisecond)
				return
			}
		}
	}), lambdahttp.Options{})
	s, err := h.Stream(t.Context(), newEvent(t, lambdahttp.REST, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, s, 50_000); err != nil {
		t.Fatal(err)
	}
	if s.Close(); !done.Load() {
		t.Error("the handler was still at work when Close returned")
	}
	if n, err := s.Read(make([]byte, 1)); err == nil {
		t.Errorf("Read after Close = %d, nil", n)
	}
}

// The end of Lambda's time comes before Lambda ends the process, so that the
// client is told.
func TestStreamEndsBeforeTheDeadline(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"nobody reads": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
		},
		"nothing to write": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "some")
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		},
		"an end that does not tell": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "some")
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begin := time.Now()
				s, err := lambdahttp.New(handler, lambdahttp.Options{}).Stream(ctx, newEvent(t, lambdahttp.REST, nil))
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(9600 * time.Millisecond) // a reader that comes late
				_, err = io.ReadAll(s)
				if !errors.Is(err, lambdahttp.ErrBrokenOff) || time.Since(begin) != 9600*time.Millisecond {
					t.Errorf("the stream ended in %v after %v, want ErrBrokenOff at once", err, time.Since(begin))
				}
				s.Close()
			})
		})
	}
}

// Half a second is kept for the answer that says that the time is over.
func TestStreamStillAnswersWhenTheTimeIsOver(t *testing.T) {
	h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered := make(chan struct{})
		context.AfterFunc(r.Context(), func() {
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "too slow")
			close(answered)
		})
		<-answered
	}), lambdahttp.Options{})
	for range 500 { // the end of the time reaches the handler and the stream in any order
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			s, err := h.Stream(ctx, newEvent(t, lambdahttp.REST, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			answer, err := io.ReadAll(s)
			if got, body := split(t, answer); err != nil || got.Status != 503 || body != "too slow" || ctx.Err() != nil {
				t.Errorf("answer = %d %q, %v, want 503 before the deadline", got.Status, body, err)
			}
		})
	}
}

func TestAnswerThatIsTooLargeIs413(t *testing.T) {
	taken := 0
	write := func(size int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			taken = 0
			for size > 0 {
				n, err := io.WriteString(w, strings.Repeat(text, 1000)[:min(size, 1000)])
				if err != nil {
					panic(http.ErrAbortHandler) // as the API does
				}
				size -= n
				taken += n
			}
		}
	}
	type test struct {
		name   string
		method string
		size   int
		text   string
		want   int
	}
	tests := func(limit int) []test {
		return []test{
			{"text that fits", "GET", limit - 1000, "a", 200},
			{"text that does not", "GET", limit, "a", 413},
			{"far too much", "GET", 10 * limit, "a", 413},
			{"text that does not fit when it is quoted", "GET", limit * 2 / 3, `"`, 413},
			{"binary that fits", "GET", limit * 7 / 10, "\xff", 200},
			{"binary that does not", "GET", limit * 5 / 6, "\xff", 413},
			{"headers of an answer that would not", "HEAD", limit * 5 / 6, "\xff", 200},
			{"headers of far too much", "HEAD", 10 * limit, "\xff", 500}, // as its handler has panicked
		}
	}
	for _, kind := range kinds {
		limit, megabytes := 6<<20, 6
		if kind == lambdahttp.ALB || kind == lambdahttp.ALBMultiValue {
			limit, megabytes = 1_000_000, 1
		}
		for _, tt := range tests(limit) {
			h := lambdahttp.New(write(tt.size, tt.text), lambdahttp.Options{})
			out, err := h.Invoke(t.Context(), newEvent(t, kind, withMethod(kind, tt.method)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := gateway.Decode(kind, out)
			if err != nil || got.Status != tt.want || len(out) > limit || taken > limit {
				t.Errorf("%s, %s: %d in %d bytes of %d, %v, want %d", kind, tt.name, got.Status, len(out), taken, err, tt.want)
			}
			if got.Status == 413 && !bytes.Contains(got.Body, fmt.Appendf(nil, `{"detail":"The answer would have more than %d MB`, megabytes)) {
				t.Errorf("%s, %s: %s", kind, tt.name, got.Body)
			}
		}
	}
}
