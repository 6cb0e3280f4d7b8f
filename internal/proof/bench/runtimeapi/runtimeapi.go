// Package runtimeapi is the Lambda Runtime API for one process
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): it hands
// events to the process one at a time and takes the time until the answer.
package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// The answers of a function have at most 6 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const maxAnswer = 6<<20 + 100

// functionTime is what an invocation may take: the longest that API Gateway
// waits, 29 s (https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html).
const functionTime = 29 * time.Second

// ErrFunction says that the function posted an error instead of an answer, or
// could not start.
var ErrFunction = errors.New("the function failed")

// Server serves the API to one process. Its methods are for one goroutine.
type Server struct {
	server   *http.Server
	listener net.Listener
	sequence atomic.Int64

	polls   chan time.Time // one for each request for the next event
	events  chan []byte    // to the request that waits
	answers chan answer    // from the process
	failed  chan error     // it could not start, or ended
	started chan time.Time // when an event began to be sent
	closed  chan struct{}
}

type answer struct {
	body []byte
	at   time.Time
	err  error
}

// Start begins to listen on a free port of 127.0.0.1.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		listener: listener,
		polls:    make(chan time.Time, 1),
		events:   make(chan []byte),
		answers:  make(chan answer, 1),
		failed:   make(chan error, 1),
		started:  make(chan time.Time, 1),
		closed:   make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", s.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", s.invocationError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", s.initError)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return s, nil
}

// Addr is the value of AWS_LAMBDA_RUNTIME_API.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends the server and every request that waits for an event.
func (s *Server) Close() error {
	close(s.closed)
	return s.server.Close()
}

// Abort says that the process is gone: whoever waits for it gets the error.
func (s *Server) Abort(err error) {
	select {
	case s.failed <- err:
	default: // it has said why itself
	}
}

// WaitPoll returns when the process asks for its first event, and the time of
// that. Its error is [ErrFunction] if the process says that it cannot start.
func (s *Server) WaitPoll(ctx context.Context) (time.Time, error) {
	select {
	case at := <-s.polls:
		return at, nil
	case err := <-s.failed:
		return time.Time{}, err
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("wait for the process to poll: %w", context.Cause(ctx))
	}
}

// Invoke sends an event to the process, which must be polling, and returns its
// answer. The time is that from the first byte of the event to the last of the
// answer. Invoke returns when the process polls again, so that all its work for
// the event is done.
func (s *Server) Invoke(ctx context.Context, event []byte) ([]byte, time.Duration, error) {
	select {
	case s.events <- event:
	case err := <-s.failed:
		return nil, 0, err
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("send the event: %w", context.Cause(ctx))
	}
	begin := <-s.started
	select {
	case a := <-s.answers:
		if a.err != nil {
			return nil, 0, a.err
		}
		_, err := s.WaitPoll(ctx)
		return a.body, a.at.Sub(begin), err
	case err := <-s.failed:
		return nil, 0, err
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("wait for the answer: %w", context.Cause(ctx))
	}
}

// next sends the body as Lambda's own server does: in one write and without
// Content-Length, which makes it one chunk
// (https://github.com/aws/aws-lambda-runtime-interface-emulator, rendering.go).
func (s *Server) next(w http.ResponseWriter, r *http.Request) {
	select {
	case s.polls <- time.Now():
	case <-s.closed:
		return
	}
	select {
	case event := <-s.events:
		s.started <- time.Now()
		s.describe(w.Header())
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(event) // a process that is gone gives no answer
	case <-s.closed:
	case <-r.Context().Done():
	}
}

func (s *Server) describe(header http.Header) {
	header.Set("Content-Type", "application/json")
	header.Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("00000000-0000-4000-8000-%012d", s.sequence.Add(1)))
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(functionTime).UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench")
	header.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
}

func (s *Server) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnswer))
	if err == nil {
		err = streamError(r.Trailer)
	}
	s.answers <- answer{body, time.Now(), err}
	accept(w)
}

// streamError is the error of a function that broke off its answer.
func streamError(trailer http.Header) error {
	if kind := trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		return fmt.Errorf("%w: %s", ErrFunction, kind)
	}
	return nil
}

func (s *Server) invocationError(w http.ResponseWriter, r *http.Request) {
	s.answers <- answer{err: readError(r)}
	accept(w)
}

func (s *Server) initError(w http.ResponseWriter, r *http.Request) {
	s.Abort(readError(r))
	accept(w)
}

func readError(r *http.Request) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	return errors.Join(fmt.Errorf("%w: %s", ErrFunction, text), err)
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "OK"})
}
