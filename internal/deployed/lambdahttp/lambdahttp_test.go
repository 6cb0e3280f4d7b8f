package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
)

var _ lambda.Handler = (*lambdahttp.Handler)(nil)

func TestPanicIsAnsweredAndTheProcessLives(t *testing.T) {
	tests := []struct {
		name  string
		value any
		cause string
	}{
		{"value", "s3cr3t", `"cause":"string"`},
		{"error", errors.New("s3cr3t"), `"cause":"*errors.errorString"`},
		{"abort", http.ErrAbortHandler, ""},
		{"runtime error", nil, `"cause":"runtime error: index out of range`},
	}
	for _, kind := range kinds {
		for _, tt := range tests {
			t.Run(string(kind)+"/"+tt.name, func(t *testing.T) {
				var log bytes.Buffer
				angry := true
				h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !angry {
						return
					}
					w.Header().Set("X-Half", "done")
					io.WriteString(w, "half an answer")
					if tt.value == nil {
						_ = []int{}[len(r.Method)]
					}
					panic(tt.value)
				}), lambdahttp.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})

				got := invoke(t, h, kind, newEvent(t, kind, nil))
				if got.Status != http.StatusInternalServerError || string(got.Body) != `{"detail":"Internal Server Error"}` {
					t.Errorf("answer %d %s, want 500 in JSON", got.Status, got.Body)
				}
				if diff := cmp.Diff(http.Header{"Content-Type": {"application/json"}}, got.Header); diff != "" {
					t.Errorf("headers (-want +got):\n%s", diff)
				}
				line := log.String()
				if tt.cause == "" && line != "" {
					t.Errorf("log %s of an answer that the handler broke off itself, want none", line)
				}
				if tt.cause != "" && (!strings.Contains(line, tt.cause) || !strings.Contains(line, "lambdahttp_test.go") || strings.Contains(line, "s3cr3t")) {
					t.Errorf("log %s, want %s, the stack, and no value", line, tt.cause)
				}

				angry = false
				if got := invoke(t, h, kind, newEvent(t, kind, nil)); got.Status != http.StatusOK {
					t.Errorf("answer after the panic %d, want 200", got.Status)
				}
			})
		}
	}
}

func TestImpossibleStatusIsAPanic(t *testing.T) {
	for _, status := range []int{-1, 0, 99, 1000} {
		got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		if got.Status != http.StatusInternalServerError {
			t.Errorf("answer to WriteHeader(%d) = %d, want 500", status, got.Status)
		}
	}
}

// deadline serves an event under a context and returns the request's deadline
// and state.
func deadline(t *testing.T, ctx context.Context, o lambdahttp.Options) (got time.Time, set bool, err error) {
	t.Helper()
	h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, set = r.Context().Deadline()
		err = r.Context().Err()
	}), o)
	if _, err := h.Invoke(ctx, newEvent(t, lambdahttp.REST, nil)); err != nil {
		t.Fatal(err)
	}
	return got, set, err
}

func TestContextEndsBeforeLambdasDeadline(t *testing.T) {
	end := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	for _, tt := range []struct{ in, want time.Duration }{{0, 500 * time.Millisecond}, {2 * time.Second, 2 * time.Second}} {
		got, set, err := deadline(t, ctx, lambdahttp.Options{Reserve: tt.in})
		if !set || !got.Equal(end.Add(-tt.want)) || err != nil {
			t.Errorf("Reserve %v: the context ends %v before Lambda's deadline (%v), want %v", tt.in, end.Sub(got), err, tt.want)
		}
	}
}

func TestContextIsOverWhereNoTimeIsLeft(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := deadline(t, ctx, lambdahttp.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("context with 300 ms left: %v, want DeadlineExceeded", err)
	}
}

func TestContextWithoutDeadlineHasNone(t *testing.T) {
	if _, set, err := deadline(t, context.Background(), lambdahttp.Options{}); set || err != nil {
		t.Errorf("deadline set: %t, %v, want none", set, err)
	}
}

func TestCancelledInvocationCancelsTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := deadline(t, ctx, lambdahttp.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("context of a cancelled invocation: %v, want Canceled", err)
	}
}

func TestContextIsOverAfterTheAnswer(t *testing.T) {
	var kept context.Context
	serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) { kept = r.Context() })
	if !errors.Is(kept.Err(), context.Canceled) {
		t.Errorf("context after Invoke: %v, want Canceled", kept.Err())
	}
}

func TestInfoComesFromEventAndInvocation(t *testing.T) {
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "invocation"})
	//nolint:staticcheck // the key is aws-lambda-go's
	traced := context.WithValue(ctx, "x-amzn-trace-id", "Root=1-invocation")
	const path = "/api/conversations/space%20c/upload-files"
	const header = "Root=1-5759e988-bd862e3fe1be46a994272793"
	tests := []struct {
		kind lambdahttp.Kind
		ctx  context.Context
		want lambdahttp.Info
	}{
		{lambdahttp.REST, traced, lambdahttp.Info{RequestID: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", Stage: "live", Path: "/live" + path, TraceID: "Root=1-invocation"}},
		{lambdahttp.HTTPAPI, ctx, lambdahttp.Info{RequestID: "JKJaXmPLvHcESHB=", Stage: "$default", Path: path, TraceID: header}},
		{lambdahttp.FunctionURL, ctx, lambdahttp.Info{RequestID: "e1506fd5-9e7b-434f-bd42-4f8fa224b599", Stage: "$default", Path: path, TraceID: header}},
		{lambdahttp.ALB, ctx, lambdahttp.Info{Path: path, TraceID: header}},
		{lambdahttp.ALBMultiValue, traced, lambdahttp.Info{Path: path, TraceID: "Root=1-invocation"}},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			var rec recorder
			h := lambdahttp.New(&rec, lambdahttp.Options{})
			if _, err := h.Invoke(tt.ctx, newEvent(t, tt.kind, nil)); err != nil {
				t.Fatal(err)
			}
			tt.want.Kind = tt.kind
			tt.want.LambdaRequestID = "invocation"
			tt.want.SourceIP = "192.0.2.7"
			if diff := cmp.Diff(tt.want, rec.last.Info); diff != "" {
				t.Errorf("InfoFrom (-want +got):\n%s", diff)
			}
		})
	}
	if info, ok := lambdahttp.InfoFrom(context.Background()); ok {
		t.Errorf("InfoFrom a context of no event = %+v, true", info)
	}
}

// mirror answers with what it was sent.
func mirror(w http.ResponseWriter, r *http.Request) {
	data, err := r.Body.(*lambdahttp.Body).Bytes()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Probe", r.Header.Get("X-Probe"))
	w.Header().Set("X-Path", r.URL.Path)
	w.Write(data)
}

func TestConcurrentEventsDoNotMix(t *testing.T) {
	h := lambdahttp.New(http.HandlerFunc(mirror), lambdahttp.Options{})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			kind := kinds[i%len(kinds)]
			for j := range 10 {
				id := fmt.Sprintf("id-%d-%d", i, j)
				body := strings.Repeat(id, 1+j*100)
				changes := withHeader(kind, "x-probe", id)
				changes["path"], changes["rawPath"] = "/"+id, "/"+id
				changes["body"], changes["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte(body)), true
				got := invoke(t, h, kind, newEvent(t, kind, changes))
				if string(got.Body) != body || got.Header.Get("X-Probe") != id || got.Header.Get("X-Path") != "/"+id {
					t.Errorf("%s %s: answer %v %.40q", kind, id, got.Header, got.Body)
				}
			}
		})
	}
	wg.Wait()
}

// Lambda's loop reads each event into the buffer of the one before.
func TestReusedBufferShowsNothingOfTheLastEvent(t *testing.T) {
	h := lambdahttp.New(http.HandlerFunc(mirror), lambdahttp.Options{})
	large := largeEvent(t, bytes.Repeat([]byte("SECRET"), 1<<20/6))
	small := largeEvent(t, []byte("small"))
	buffer := make([]byte, len(large))
	for range 10 {
		invoke(t, h, lambdahttp.REST, buffer[:copy(buffer, large)])
		out, err := h.Invoke(context.Background(), buffer[:copy(buffer, small)])
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out, []byte("SECRET")) || !bytes.Contains(out, []byte(`"body":"small"`)) {
			t.Fatalf("answer to the small event: %.200s", out)
		}
	}
}

func TestAnswerHoldsNothingOfThePayload(t *testing.T) {
	h := lambdahttp.New(http.HandlerFunc(mirror), lambdahttp.Options{})
	payload := largeEvent(t, []byte("kept"))
	out, err := h.Invoke(context.Background(), payload)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(out)
	clear(payload)
	if !bytes.Equal(out, before) {
		t.Errorf("answer changed with the payload: %s", out)
	}
}

// largeEvent is a REST event as API Gateway writes it, with a binary body.
func largeEvent(t testing.TB, body []byte) []byte {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, readFile(t, "rest.json")); err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(compact.String(), `"body":`)
	if !ok {
		t.Fatal("rest.json has no body")
	}
	return []byte(head + `"body":"` + base64.StdEncoding.EncodeToString(body) + `","isBase64Encoded":true}`)
}

func TestInvokeAllocatesLittleBesidesThePayload(t *testing.T) {
	const limit = 32 << 10
	h := lambdahttp.New(http.HandlerFunc(take), lambdahttp.Options{})
	for _, size := range []int{0, 1 << 10, 1 << 20, 4 << 20} {
		event := largeEvent(t, bytes.Repeat([]byte{0xff}, size))
		// A query that looks like a body must not make it dearer.
		event = bytes.ReplaceAll(event, []byte(`"escaped":"1+1"`), []byte(`"body":"QUJD"`))
		buffer := make([]byte, len(event))
		const runs = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if _, err := h.Invoke(context.Background(), buffer[:copy(buffer, event)]); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > limit {
			t.Errorf("Invoke with a body of %d bytes allocates %d bytes, want at most %d", size, got, limit)
		}
	}
}

// take decodes the body and answers as an upload does.
func take(w http.ResponseWriter, r *http.Request) {
	data, err := r.Body.(*lambdahttp.Body).Bytes()
	if err != nil || int64(len(data)) != r.ContentLength {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"file_urls":["https://bucket.s3.amazonaws.com/conversations/c/report.pdf?X-Amz-Signature=0"],"skipped_files":[]}`)
}

func BenchmarkInvoke(b *testing.B) {
	h := lambdahttp.New(http.HandlerFunc(take), lambdahttp.Options{})
	for _, bb := range []struct {
		name string
		size int
	}{{"1KiB", 1 << 10}, {"1MiB", 1 << 20}, {"4MiB", 4 << 20}} {
		b.Run(bb.name, func(b *testing.B) {
			event := largeEvent(b, bytes.Repeat([]byte{0xff}, bb.size))
			bodyAt := bytes.Index(event, []byte(`"body":"`))
			buffer := bytes.Clone(event)
			b.SetBytes(int64(bb.size))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				copy(buffer[bodyAt:], event[bodyAt:]) // what the last run decoded in place
				b.StartTimer()
				if _, err := h.Invoke(context.Background(), buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
