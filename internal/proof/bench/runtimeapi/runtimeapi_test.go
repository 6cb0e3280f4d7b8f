package runtimeapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"uploadfiles/internal/proof/bench/runtimeapi"
)

// function is a process under the API, as far as its requests go.
type function struct {
	t    *testing.T
	base string
}

func start(t *testing.T) (*runtimeapi.Server, function) {
	t.Helper()
	api, err := runtimeapi.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	return api, function{t, "http://" + api.Addr() + "/2018-06-01/runtime/"}
}

func (f function) next() (event string, header http.Header) {
	response, err := http.Get(f.base + "invocation/next")
	if err != nil {
		return "", nil // the server is closed
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Error(err)
	}
	return string(body), response.Header
}

func (f function) post(path, body string) {
	response, err := http.Post(f.base+path, "application/json", strings.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		f.t.Errorf("POST %s = %s, want 202", path, response.Status)
	}
}

// serve answers every event with itself in capitals.
func (f function) serve() {
	for {
		event, header := f.next()
		id := header.Get("Lambda-Runtime-Aws-Request-Id")
		if id == "" {
			return
		}
		f.post("invocation/"+id+"/response", strings.ToUpper(event))
	}
}

func TestInvokeReturnsTheAnswerToEachEvent(t *testing.T) {
	api, f := start(t)
	go f.serve()
	if _, err := api.WaitPoll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"a", "b", strings.Repeat("c", 5<<20)} {
		got, took, err := api.Invoke(t.Context(), []byte(event))
		if err != nil || string(got) != strings.ToUpper(event) {
			t.Errorf("Invoke(%.9q) = %.9q, %v, want it in capitals", event, got, err)
		}
		if took <= 0 {
			t.Errorf("Invoke(%.9q) took %v", event, took)
		}
	}
}

func TestNextSendsWhatLambdaSends(t *testing.T) {
	api, f := start(t)
	headers := make(chan http.Header, 1)
	go func() {
		_, header := f.next()
		headers <- header
		f.post("invocation/"+header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "{}")
		f.next()
	}()
	if _, err := api.WaitPoll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := api.Invoke(t.Context(), []byte(strings.Repeat("x", 1<<20))); err != nil {
		t.Fatal(err)
	}
	header := <-headers
	for _, name := range []string{"Aws-Request-Id", "Deadline-Ms", "Invoked-Function-Arn", "Trace-Id"} {
		if header.Get("Lambda-Runtime-"+name) == "" {
			t.Errorf("no header Lambda-Runtime-%s", name)
		}
	}
	if got := header.Get("Content-Length"); got != "" {
		t.Errorf("Content-Length is %s; Lambda sends a large event in chunks", got)
	}
}

func TestErrorsOfTheFunctionAreErrFunction(t *testing.T) {
	t.Run("invocation", func(t *testing.T) {
		api, f := start(t)
		var posting sync.WaitGroup // until its answer is there, the server stays
		posting.Go(func() {
			_, header := f.next()
			f.post("invocation/"+header.Get("Lambda-Runtime-Aws-Request-Id")+"/error", `{"errorMessage":"no luck"}`)
		})
		if _, err := api.WaitPoll(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _, err := api.Invoke(t.Context(), []byte("{}"))
		if !errors.Is(err, runtimeapi.ErrFunction) || !strings.Contains(err.Error(), "no luck") {
			t.Errorf("Invoke = %v, want ErrFunction with the function's words", err)
		}
		posting.Wait()
	})
	t.Run("init", func(t *testing.T) {
		api, f := start(t)
		var posting sync.WaitGroup
		posting.Go(func() { f.post("init/error", `{"errorMessage":"no luck"}`) })
		if _, err := api.WaitPoll(t.Context()); !errors.Is(err, runtimeapi.ErrFunction) {
			t.Errorf("WaitPoll = %v, want ErrFunction", err)
		}
		posting.Wait()
	})
	t.Run("answer broken off", func(t *testing.T) {
		api, f := start(t)
		var posting sync.WaitGroup // until its answer is there, the server stays
		posting.Go(func() {
			_, header := f.next()
			f.breakOff(header.Get("Lambda-Runtime-Aws-Request-Id"))
		})
		if _, err := api.WaitPoll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := api.Invoke(t.Context(), []byte("{}")); !errors.Is(err, runtimeapi.ErrFunction) {
			t.Errorf("Invoke = %v, want ErrFunction", err)
		}
		posting.Wait()
	})
}

// breakOff posts an answer with an error behind it.
func (f function) breakOff(id string) {
	r, err := http.NewRequest(http.MethodPost, f.base+"invocation/"+id+"/response", io.NopCloser(strings.NewReader("{")))
	if err != nil {
		f.t.Error(err)
		return
	}
	r.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": {"Broken"}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Error(err)
		return
	}
	response.Body.Close()
}

func TestWaitsEndWithTheProcess(t *testing.T) {
	api, f := start(t)
	gone := errors.New("gone")
	go func() {
		f.next()
		api.Abort(gone)
	}()
	if _, err := api.WaitPoll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := api.Invoke(t.Context(), []byte("{}")); !errors.Is(err, gone) {
		t.Errorf("Invoke = %v, want %v", err, gone)
	}
}

func TestWaitsEndWithTheContext(t *testing.T) {
	api, _ := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := api.WaitPoll(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitPoll = %v, want the context's error", err)
	}
	if _, _, err := api.Invoke(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Invoke = %v, want the context's error", err)
	}
}
