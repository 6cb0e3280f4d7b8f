package lambdahttp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

// The tests run this binary as a function on Lambda.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(lambdahttp.New(http.HandlerFunc(onLambda), lambdahttp.Options{}).Stream)
	}
	os.Exit(m.Run())
}

// onLambda is what that function does.
func onLambda(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/whole":
		w.Header().Set("Content-Type", "application/zip")
		for range 100 {
			w.Write(bytes.Repeat([]byte{0, 0xff}, 50_000))
		}
	case "/break":
		w.Write(make([]byte, 100_000))
		panic(http.ErrAbortHandler)
	case "/panic":
		panic("s3cr3t")
	case "/endless":
		for {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	case "/goroutines":
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		fmt.Fprint(w, strings.Count(string(stacks), "lambdahttp_test.onLambda("))
	}
}

// runtimeAPI is Lambda's, as far as answers that are streamed go
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming).
type runtimeAPI struct {
	events  chan []byte
	answers chan posted
	take    int64 // bytes of the next answer before the client is gone; zero means all
	time    time.Duration
}

// posted is an answer as the function has posted it.
type posted struct {
	path, contentType, errorType string
	body                         []byte
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/next") {
		select {
		case event := <-a.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(a.time).UnixMilli(), 10))
			w.Write(event)
		case <-r.Context().Done():
		}
		return
	}
	var from io.Reader = r.Body
	if a.take > 0 {
		from = io.LimitReader(from, a.take)
	}
	body, _ := io.ReadAll(from)
	w.WriteHeader(http.StatusAccepted)
	a.answers <- posted{r.URL.Path, r.Header.Get("Content-Type"), r.Trailer.Get("Lambda-Runtime-Function-Error-Type"), body}
}

// onRuntime starts the function.
func onRuntime(t *testing.T) *runtimeAPI {
	t.Helper()
	api := &runtimeAPI{events: make(chan []byte), answers: make(chan posted, 1), time: time.Minute}
	server := httptest.NewServer(api)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(server.URL, "http://"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		server.CloseClientConnections()
		server.Close()
	})
	return api
}

func (a *runtimeAPI) invoke(t *testing.T, path string) posted {
	t.Helper()
	event, err := gateway.Event(lambdahttp.REST, httptest.NewRequest(http.MethodGet, path, nil), nil, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.events <- event
	return <-a.answers
}

func (a *runtimeAPI) quiet(t *testing.T, after string) {
	t.Helper()
	if _, body := split(t, a.invoke(t, "/goroutines").body); body != "1" {
		t.Errorf("after %s %s handlers run, want the one that counts", after, body)
	}
}

func TestStreamIsWhatLambdaTakes(t *testing.T) {
	api := onRuntime(t)
	got := api.invoke(t, "/whole")
	front, body := split(t, got.body)
	if !strings.HasSuffix(got.path, "/response") || got.contentType != streamedType || got.errorType != "" || front.Status != 200 ||
		front.Headers["Content-Type"] != "application/zip" || body != strings.Repeat("\x00\xff", 5_000_000) {
		t.Errorf("%s %q %q, %+v, %d bytes", got.path, got.contentType, got.errorType, front, len(body))
	}
	api.quiet(t, "a whole answer")

	if got := api.invoke(t, "/break"); got.contentType != streamedType || got.errorType != "brokenOff" || len(got.body) > 101_000 {
		t.Errorf("broken off: %q, error %q after %d bytes", got.contentType, got.errorType, len(got.body))
	}
	api.quiet(t, "an answer that was broken off")

	got = api.invoke(t, "/panic")
	if front, body := split(t, got.body); got.errorType != "" || front.Status != 500 || body != `{"detail":"Internal Server Error"}` {
		t.Errorf("panic: error %q, %+v %s", got.errorType, front, body)
	}
	api.quiet(t, "a panic")
}

func TestStreamEndsWithLambdasTime(t *testing.T) {
	api := onRuntime(t)
	api.time = 1500 * time.Millisecond
	if got := api.invoke(t, "/endless"); got.errorType != "brokenOff" {
		t.Errorf("an endless answer ended in the error %q after %d bytes, want brokenOff", got.errorType, len(got.body))
	}
	api.time = time.Minute
	api.quiet(t, "the end of the time")
}

func TestStreamWhoseClientIsGoneEnds(t *testing.T) {
	api := onRuntime(t)
	api.take = 200_000
	if got := api.invoke(t, "/endless"); len(got.body) != 200_000 {
		t.Errorf("%d bytes were taken, want 200,000", len(got.body))
	}
	api.take = 0
	api.quiet(t, "a client that is gone")
}

var _ json.Marshaler = (*lambdahttp.Stream)(nil)
