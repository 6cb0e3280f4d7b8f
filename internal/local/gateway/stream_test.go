package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

// streams serves the routes "/" and "/files/{name}" with a handler, by streams.
func streams(t *testing.T, handler http.HandlerFunc, log io.Writer) *httptest.Server {
	t.Helper()
	function := lambdahttp.New(handler, lambdahttp.Options{})
	return serve(t, &gateway.API{
		Function: &ok{},
		Routes:   []gateway.Route{{Path: "/", Streamer: function}, {Path: "/files/{name}", Streamer: function}, {Path: "/page/{proxy+}", Streamer: function}},
		Log:      slog.New(slog.NewTextHandler(log, nil)),
	})
}

func TestRoutesChooseTheFunction(t *testing.T) {
	server := streams(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "stream "+r.URL.EscapedPath()) }, io.Discard)
	for path, streamed := range map[string]bool{
		"": true, "/": true, "/files/a": true, "/files/a%2Fb": true, "/files/a/": true, "/page/a": true, "/page/a/b/c": true,
		"/files": false, "/files/": false, "/files//": false, "/files/a/b": false, "/page": false, "/page/": false, "/other": false, "/FILES/a": false,
	} {
		response, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		want := "ok"
		if streamed {
			want = "stream " + "/" + strings.TrimPrefix(path, "/")
		}
		if string(body) != want {
			t.Errorf("GET %q = %s, want %s", path, body, want)
		}
	}
}

func TestAStreamComesWhileItIsMade(t *testing.T) {
	goOn := make(chan struct{})
	server := streams(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1")
		w.Header().Add("X-Two", "1")
		w.Header().Add("X-Two", "2")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "\x00\xfffirst\n")
		http.NewResponseController(w).Flush()
		<-goOn
		io.WriteString(w, strings.Repeat("b", 10<<20))
	}, io.Discard)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 201 || response.Header.Get("X-A") != "1" || len(response.Header["X-Two"]) != 2 || response.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("answer = %d %v", response.StatusCode, response.Header)
	}
	body := bufio.NewReader(response.Body)
	if line, err := body.ReadString('\n'); line != "\x00\xfffirst\n" {
		t.Errorf("first came %q, %v", line, err)
	}
	close(goOn)
	if rest, err := io.ReadAll(body); err != nil || len(rest) != 10<<20 {
		t.Errorf("then came %d bytes, %v, want more than an answer that is whole may have", len(rest), err)
	}
}

func TestAStreamThatBreaksOffBreaksTheConnection(t *testing.T) {
	var log bytes.Buffer
	server := streams(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write(make([]byte, 1<<20))
		panic(http.ErrAbortHandler)
	}, &log)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes, then %v, want a body that breaks off", len(body), err)
	}
	server.Close() // which waits for the log line
	if !strings.Contains(log.String(), "answer broken off") {
		t.Errorf("log = %s", &log)
	}
}

func TestAStreamHasAtMost200Megabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends 400 MB")
	}
	const most = 200 << 20
	size := 0
	server := streams(t, func(w http.ResponseWriter, _ *http.Request) {
		part := make([]byte, 1<<20)
		for left := size; left > 0; left -= len(part) {
			part = part[:min(left, len(part))]
			if _, err := w.Write(part); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	}, io.Discard)
	envelope := len(`{"statusCode":200}`) + 8
	for _, tt := range []struct {
		size int
		ok   bool
	}{{most - envelope, true}, {most - envelope + 1, false}} {
		size = tt.size
		response, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if (err == nil) != tt.ok || tt.ok && n != int64(size) {
			t.Errorf("%d bytes: %d came, then %v, want a whole body: %t", size, n, err, tt.ok)
		}
	}
}

// As on AWS, nobody tells the function that its client is gone.
func TestAStreamWhoseClientIsGoneIsReadToItsEnd(t *testing.T) {
	begun, done := make(chan struct{}), make(chan error, 1)
	server := streams(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "some")
		http.NewResponseController(w).Flush()
		<-begun
		var err error
		for range 100 {
			if _, err = w.Write(make([]byte, 1<<20)); err != nil {
				break
			}
		}
		done <- err
	}, io.Discard)
	ctx, leave := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	response.Body.Close()
	close(begun)
	if err := <-done; err != nil {
		t.Errorf("the function noticed: %v", err)
	}
}

// raw answers with a stream of these bytes.
type raw struct {
	contentType string
	text        string
	err         error
}

func (f raw) Stream(ctx context.Context, _ json.RawMessage) (*lambdahttp.Stream, error) {
	if f.err != nil {
		return nil, f.err
	}
	s, err := lambdahttp.New(http.NotFoundHandler(), lambdahttp.Options{}).Stream(ctx, json.RawMessage(f.contentType))
	if err != nil {
		return nil, err
	}
	s.Reader = strings.NewReader(f.text)
	return s, nil
}

func TestWhatIsNoStreamIs502(t *testing.T) {
	const request, other = `{"httpMethod":"GET","path":"/","requestContext":{}}`, `{}`
	nul := strings.Repeat("\x00", 8)
	tests := []struct {
		name   string
		answer raw
		want   int
	}{
		{"one that is", raw{request, `{"statusCode":200}` + nul + "x", nil}, 200},
		{"an error", raw{err: errors.New("secret cause")}, 502},
		{"of another type", raw{other, `{"statusCode":200}` + nul, nil}, 502},
		{"nothing", raw{request, "", nil}, 502},
		{"no zero bytes", raw{request, `{"statusCode":200}`, nil}, 502},
		{"seven zero bytes", raw{request, `{"statusCode":200}` + nul[1:], nil}, 502},
		{"no JSON", raw{request, `secret cause` + nul, nil}, 502},
		{"no status", raw{request, `{}` + nul, nil}, 502},
		{"a body in JSON", raw{request, `{"statusCode":200,"body":"x"}` + nul, nil}, 502},
		{"a prelude without end", raw{request, `{"statusCode":200,"headers":{"a":"` + strings.Repeat("x", 16<<10) + `"}}` + nul, nil}, 502},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t, &gateway.API{Routes: []gateway.Route{{Path: "/", Streamer: tt.answer}}})
			status, body := post(t, server.URL, nil)
			if status != tt.want || status == 502 && body != refusalIn(t, "DEFAULT_5XX") {
				t.Errorf("answer = %d %s, want %d", status, body, tt.want)
			}
		})
	}
}
