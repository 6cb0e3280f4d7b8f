// Package httpapi is what all routes of the API have in common, over net/http:
// which route a request is for, who may use it, the one table from an error to a
// status, CORS, and one log line for each request.
package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/openapi"
	"uploadfiles/internal/deployed/upload"
)

// Keys decides whether a session key opens a conversation.
type Keys interface {
	// Check returns nil, or an error that is session.ErrDenied or
	// session.ErrUnavailable.
	Check(ctx context.Context, conversation, key string) error
}

// Options are what every route needs. Keys is required.
type Options struct {
	Keys    Keys
	Origins []string     // of browser clients; "*" is any
	Log     *slog.Logger // nil means no log
	// Metrics adds to the log line of a request; nil means nothing.
	Metrics func(Summary) []slog.Attr
}

type api struct {
	Options
	routes []route
}

// A Route is a method and a path, and what answers them. A route with GET
// answers HEAD too.
//
// A segment of the path in braces stands for any text but the empty one; the last
// one, where it ends in a plus, for all that is left, with its slashes. The
// segment {id} is the id of a conversation: a request reaches the handler of such
// a route only with that conversation's session key.
type Route struct {
	Method string
	Path   string // such as "/api/conversations/{id}/upload-files"
	Handle Handler
	// Companion says that errors of the path have their text in the field message
	// too, where clients of Uppy's Companion look for it.
	Companion bool
}

// A Handler answers a request or returns why not: an error that has its row in
// the table of failure.go, or an [Answerer]. That holds after it has written too,
// where nothing has gone out yet. Otherwise the error goes to the log, and the
// answer is broken off, so that nobody takes it for whole.
type Handler func(w http.ResponseWriter, r *http.Request, call *Call) error

// A Call is what is known of a request on its way.
type Call struct {
	Conversation upload.Conversation // the zero value where the route has no {id}
	Summary      *Summary

	params map[string]string
}

// Param is what stands in the path for a segment in braces, percent-decoded
// once. It is empty for a name that the route does not have.
func (c *Call) Param(name string) string { return c.params[name] }

const idParam = "id"

// route is a Route whose path is split.
type route struct {
	method    string
	path      []string
	handler   Handler
	companion bool
}

// New makes the handler of an API. Of two paths that match, the one with fewer
// segments in braces answers.
func New(o Options, routes ...Route) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = func(Summary) []slog.Attr { return nil }
	}
	a := &api{Options: o}
	for _, rt := range routes {
		a.routes = append(a.routes, route{rt.Method, segments(rt.Path), rt.Handle, rt.Companion})
	}
	return a
}

// segments splits a path that is decoded once. A trailing slash makes no
// difference: a redirect would make the client send its files twice.
func segments(path string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{ResponseWriter: w}
	summary := begin(r)
	if a.answer(answer, r, summary) != nil {
		panic(http.ErrAbortHandler)
	}
}

// answer writes answer and log line. An error says that the answer is not whole.
func (a *api) answer(answer *answer, r *http.Request, summary *Summary) error {
	a.cors(answer.Header(), r)
	header := answer.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if summary.RequestID != "" {
		header.Set("X-Request-Id", summary.RequestID)
	}
	err := a.survive(answer, r, summary)
	if err == nil {
		err = answer.fits()
	}
	summary.Cause = err
	if err != nil && answer.takeBack() {
		fail(answer, r, summary.companion, err)
		err = nil
	}
	summary.Status = cmp.Or(answer.status, http.StatusOK)
	summary.Duration = time.Since(summary.start)
	summary.log(r.Context(), a.Log, a.Metrics(*summary))
	return err
}

// survive makes an error of a panic, so that it has an answer, a log line and
// metrics as other errors have. Its value stays out of them: it may hold what the
// client sent.
func (a *api) survive(w http.ResponseWriter, r *http.Request, summary *Summary) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T\n%s", p, debug.Stack())
		}
	}()
	return a.serve(w, r, summary)
}

func (a *api) serve(w http.ResponseWriter, r *http.Request, summary *Summary) error {
	found, params, allow := a.match(r.Method, r.URL)
	if len(allow) == 0 {
		return errNotFound
	}
	summary.Route = "/" + strings.Join(found.path, "/")
	summary.companion = found.companion
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		w.WriteHeader(http.StatusNoContent)
		return nil
	case found.handler == nil:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return errMethodNotAllowed
	}
	call := &Call{Summary: summary, params: params}
	if id, ok := params[idParam]; ok {
		if err := a.admit(r, id, call); err != nil {
			return err
		}
	}
	return found.handler(w, r, call)
}

// match finds the route for a path, and the methods that the path knows. The
// route has no handler where the method is not one of them.
func (a *api) match(method string, address *url.URL) (found route, params map[string]string, allow []string) {
	parts := segments(address.Path)
	if strings.HasSuffix(address.Path, "/") && !strings.HasSuffix(address.EscapedPath(), "/") {
		parts = append(parts, "") // the slash is part of a name
	}
	for i := range a.routes {
		rt := &a.routes[i]
		values, ok := rt.matches(parts)
		if !ok || len(allow) > 0 && len(values) > len(params) {
			continue
		}
		if len(allow) == 0 || len(values) < len(params) {
			found, params, allow = route{path: rt.path, companion: rt.companion}, values, nil
		}
		allow = append(allow, rt.method)
		if rt.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
		if rt.method == method || rt.method == http.MethodGet && method == http.MethodHead {
			found, params = *rt, values
		}
	}
	if len(allow) > 0 {
		allow = append(allow, http.MethodOptions)
	}
	return found, params, allow
}

// matches also returns what stands for the segments in braces.
func (rt *route) matches(parts []string) (params map[string]string, ok bool) {
	if isGreedy(rt.path) && len(parts) > len(rt.path) {
		last := len(rt.path) - 1
		parts = append(slices.Clip(parts[:last]), strings.Join(parts[last:], "/"))
	}
	if len(parts) != len(rt.path) {
		return nil, false
	}
	for i, want := range rt.path {
		name, isParam := paramName(want)
		switch {
		case isParam && parts[i] != "":
			if params == nil {
				params = map[string]string{}
			}
			params[name] = parts[i]
		case want != parts[i]:
			return nil, false
		}
	}
	return params, true
}

func paramName(segment string) (name string, ok bool) {
	name, opens := strings.CutPrefix(segment, "{")
	name, closes := strings.CutSuffix(name, "}")
	return strings.TrimSuffix(name, "+"), opens && closes
}

// isGreedy reports whether the last segment of a path stands for all that is left.
func isGreedy(path []string) bool {
	return strings.HasSuffix(path[len(path)-1], "+}")
}

// admit lets in who holds the session key of the conversation. It comes before
// a byte of the body is decoded: an uninvited request must cost nothing.
func (a *api) admit(r *http.Request, id string, call *Call) error {
	keys := r.Header.Values("X-Session-API-Key")
	if len(keys) != 1 || keys[0] == "" {
		return errNoKey
	}
	conversation, err := upload.ParseConversation(id)
	if err != nil {
		return err
	}
	call.Conversation = conversation
	call.Summary.Conversation = conversation.String()
	return a.Keys.Check(r.Context(), conversation.String(), keys[0])
}

// answer remembers the status that went out.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// fits says why an answer that is written could not go out, where that is known.
func (a *answer) fits() error {
	if unsent, ok := a.ResponseWriter.(lambdahttp.Unsent); ok {
		return unsent.Fits()
	}
	return nil
}

// ofContent are the headers that a handler may have set about what it wrote.
var ofContent = []string{"Content-Disposition", "Content-Length", "Etag", "Last-Modified", "Location", "Repr-Digest"}

// takeBack reports whether another answer can be written: nothing was, or
// nothing of it has gone out.
func (a *answer) takeBack() bool {
	if a.status == 0 {
		return true
	}
	unsent, ok := a.ResponseWriter.(lambdahttp.Unsent)
	if !ok {
		return false
	}
	unsent.Reset()
	a.status = 0
	for _, name := range ofContent {
		a.Header().Del(name)
	}
	a.Header().Set("Cache-Control", "no-store")
	return true
}

// Unwrap lets a [http.ResponseController] reach the writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteJSON sends v.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	var body bytes.Buffer
	if err := encode(&body, v); err != nil {
		return err
	}
	writeBody(w, r, status, body.Bytes())
	return nil
}

// JSON is v as [WriteJSON] sends it, without the line break at its end.
func JSON(v any) ([]byte, error) {
	var line bytes.Buffer
	err := encode(&line, v)
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), err
}

// encode writes v on one line. An ampersand stays one, so that a person can copy
// a URL out of the answer.
func encode(out *bytes.Buffer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// writeBody sends JSON. A HEAD request gets the header alone.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone reads no error either
	}
}

// Description is the route that tells what the API is, to whoever asks.
func Description() Route {
	return Route{Method: http.MethodGet, Path: "/openapi.json", Handle: func(w http.ResponseWriter, r *http.Request, _ *Call) error {
		writeBody(w, r, http.StatusOK, openapi.JSON())
		return nil
	}}
}
