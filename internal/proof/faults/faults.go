// Package faults stands between a client and a server in tests, and breaks the
// requests that a test names: each one as a network, or the server itself, can
// break it.
//
// What passes is passed on byte for byte and with its Host header, so that
// signatures stay valid.
package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Proxy is a server that passes requests on to another, or breaks them.
type Proxy struct {
	// URL is where the proxy takes requests, such as http://127.0.0.1:1234.
	URL string

	server  *http.Server
	forward http.Handler
	work    sync.WaitGroup
	end     context.CancelFunc

	mu      sync.Mutex
	choose  func(*http.Request) Fault
	scripts map[string]*script // by scope
	seen    []Request
	closed  bool
}

// Request is a request that the proxy has seen.
type Request struct {
	Method string
	Path   string // decoded
	Header http.Header
}

// Start starts a proxy on a free port of 127.0.0.1 for the server at target, a
// URL without a path. Everything passes until Set says otherwise.
func Start(target string) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	p := &Proxy{URL: "http://" + listener.Addr().String(), end: end, forward: passOn(u)}
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	p.work.Go(func() { _ = p.server.Serve(listener) })
	return p, nil
}

// passOn forwards requests as they came. A request that fails on its way to the
// server is reset towards the client.
func passOn(target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
		},
		Transport:    &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) },
	}
}

// Close ends every request and returns when nothing of the proxy runs.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.end()
	_ = p.server.Close()
	p.work.Wait()
}

// Set makes choose decide how a request is broken that no script breaks; nil is
// not at all. It is asked for one request at a time.
func (p *Proxy) Set(choose func(*http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.choose = choose
}

// Script breaks the requests whose decoded path contains scope by the first rule
// that matches, in place of what the last script for that scope said. Without
// rules it ends that script. Scripts for several scopes may stand at once; the
// tests that use them must choose scopes of which no two are in one path.
func (p *Proxy) Script(scope string, rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scripts == nil {
		p.scripts = map[string]*script{}
	}
	p.scripts[scope] = &script{rules: rules, seen: make([]int, len(rules))}
}

// A script is guarded by the mutex of its proxy.
type script struct {
	rules []Rule
	seen  []int // requests that have matched, by rule
}

func (s *script) choose(r *http.Request) Fault {
	for i, rule := range s.rules {
		if !rule.matches(r) {
			continue
		}
		s.seen[i]++
		if s.seen[i] > rule.After && (rule.Times == 0 || s.seen[i] <= rule.After+rule.Times) {
			return rule.Fault
		}
	}
	return nil
}

// A Rule says which requests are broken, and how.
type Rule struct {
	Method string // empty means any
	Path   string // a part of the decoded path; empty means any
	After  int    // how many requests that match pass first
	Times  int    // how many are broken then; zero means all
	Fault  Fault
}

func (r Rule) matches(request *http.Request) bool {
	return (r.Method == "" || r.Method == request.Method) && strings.Contains(request.URL.Path, r.Path)
}

// Requests are the requests since the start or the last Forget, in the order in
// which they came.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.seen...)
}

// Forget forgets the requests that were seen.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = nil
}

// ServeHTTP passes a request on or breaks it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, ok := p.begin(r)
	switch {
	case !ok:
		reset(w)
		return
	case fault == nil:
		fault = pass
	}
	defer p.work.Done()
	fault(w, r, p.forward)
}

func pass(w http.ResponseWriter, r *http.Request, server http.Handler) { server.ServeHTTP(w, r) }

// begin notes a request, for which Close waits, and chooses its fault. It is not
// ok when the proxy is closed.
func (p *Proxy) begin(r *http.Request) (fault Fault, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false
	}
	p.work.Add(1)
	p.seen = append(p.seen, Request{r.Method, r.URL.Path, r.Header.Clone()})
	for scope, script := range p.scripts {
		if strings.Contains(r.URL.Path, scope) {
			return script.choose(r), true
		}
	}
	if p.choose != nil {
		fault = p.choose(r)
	}
	return fault, true
}

// A Fault answers a request in the place of the server, which server stands for.
type Fault func(w http.ResponseWriter, r *http.Request, server http.Handler)

// S3 answers with an error of S3, such as 503 SlowDown. The server gets nothing.
func S3(status int, code string) Fault {
	return Answer(status, "application/xml", fmt.Sprintf(
		`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>arn:aws:s3:::a-bucket says %s</Message></Error>`, code, code))
}

// JSON answers with an error of Secrets Manager. The server gets nothing.
func JSON(status int, kind string) Fault {
	return Answer(status, "application/x-amz-json-1.1", fmt.Sprintf(`{"__type":%q,"message":"arn:aws:secretsmanager says %s"}`, kind, kind))
}

// Answer answers in the server's place, when it has read the request.
func Answer(status int, contentType, body string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
	}
}

// ResetBefore resets the connection before the server gets anything.
func ResetBefore(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	drain(r)
	reset(w)
}

// ResetInBody resets the connection in the middle of the request's body.
func ResetInBody(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	reset(w)
}

// ResetAfter has the server do what it is asked for, and loses its answer.
func ResetAfter(w http.ResponseWriter, r *http.Request, server http.Handler) {
	record(r, server)
	reset(w)
}

// Late has the server do what it is asked for when the client has gone, or the
// proxy is closed: the bytes were on their way all the time.
func Late(_ http.ResponseWriter, r *http.Request, server http.Handler) {
	hold(r)
	<-r.Context().Done()
	record(r.WithContext(context.WithoutCancel(r.Context())), server)
}

// Hang never answers, and the server gets nothing.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	drain(r)
	<-r.Context().Done()
}

// Delay passes the request on after a while, if the client is still there.
func Delay(d time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		hold(r) // only then does net/http notice a client that goes
		if wait(r.Context(), d) {
			server.ServeHTTP(w, r)
		}
	}
}

// Corrupt changes one byte of the request's body on the way to the server.
func Corrupt(w http.ResponseWriter, r *http.Request, server http.Handler) {
	if body := hold(r); len(body) > 0 {
		body[len(body)/2] ^= 1
	}
	server.ServeHTTP(w, r)
}

// Drip has the server do what it is asked for, and hands out its answer byte by
// byte, with a pause after each.
func Drip(pause time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		answer := record(r, server)
		conn := hijack(w)
		if conn == nil {
			return
		}
		defer conn.Close()
		for _, b := range answer {
			if _, err := conn.Write([]byte{b}); err != nil || !wait(r.Context(), pause) {
				return
			}
		}
	}
}

// HangUpIdle answers, and ends the connection without a word to the client that
// it does: the client finds it dead when it uses it again.
func HangUpIdle(w http.ResponseWriter, r *http.Request, server http.Handler) {
	answer := record(r, server)
	if conn := hijack(w); conn != nil {
		_, _ = conn.Write(answer)
		wait(r.Context(), idleLife)
		cut(conn)
	}
}

// idleLife is long enough for an answer to be read before the reset comes.
const idleLife = 50 * time.Millisecond

func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// hold reads the request's body and puts it back.
func hold(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// record returns the server's answer as it would be on the wire.
func record(r *http.Request, server http.Handler) []byte {
	hold(r)
	answer := &recorder{header: http.Header{}}
	server.ServeHTTP(answer, r)
	response := http.Response{
		StatusCode: max(answer.status, http.StatusOK), ProtoMajor: 1, ProtoMinor: 1, Header: answer.header, Request: r,
		ContentLength: int64(answer.body.Len()), Body: io.NopCloser(&answer.body),
	}
	if r.Method == http.MethodHead {
		response.ContentLength, _ = strconv.ParseInt(answer.header.Get("Content-Length"), 10, 64)
	}
	var out bytes.Buffer
	_ = response.Write(&out)
	return out.Bytes()
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// reset ends the client's connection with a TCP reset.
func reset(w http.ResponseWriter) {
	if conn := hijack(w); conn != nil {
		cut(conn)
	}
}

func cut(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func hijack(w http.ResponseWriter) net.Conn {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return nil // a recorder: its client is gone already
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return nil
	}
	return conn
}
