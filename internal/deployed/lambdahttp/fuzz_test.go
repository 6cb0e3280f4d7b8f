package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

// reference reads an event with encoding/json alone.
type reference struct {
	kind      lambdahttp.Kind
	body      string // as it stands in the event, unquoted
	base64    bool
	multipart bool
}

// readReference reports false where the event is not one to serve.
func readReference(payload []byte) (ref reference, ok bool) {
	var event struct {
		HTTPMethod                                         string
		Path, RawPath, RawQueryString                      string
		Headers, QueryStringParameters                     map[string]string
		MultiValueHeaders, MultiValueQueryStringParameters map[string][]string
		Cookies                                            []string
		IsBase64Encoded                                    bool
		RequestContext                                     struct {
			RequestID, Stage, DomainName string
			Identity                     struct{ SourceIP string }
			HTTP                         *struct{ Method, SourceIP string }
			ELB                          *struct{}
		}
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return ref, false
	}
	method := event.HTTPMethod
	switch context := event.RequestContext; {
	case context.ELB != nil && event.MultiValueHeaders != nil:
		ref.kind = lambdahttp.ALBMultiValue
	case context.ELB != nil:
		ref.kind = lambdahttp.ALB
	case context.HTTP != nil && strings.Contains(context.DomainName, ".lambda-url."):
		ref.kind = lambdahttp.FunctionURL
	case context.HTTP != nil:
		ref.kind = lambdahttp.HTTPAPI
	case method != "":
		ref.kind = lambdahttp.REST
	}
	if event.RequestContext.HTTP != nil {
		method = event.RequestContext.HTTP.Method
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return ref, false
	}
	if body, ok := fields["body"]; ok && json.Unmarshal(body, &ref.body) != nil {
		return ref, false
	}
	ref.base64 = event.IsBase64Encoded
	_, err := http.NewRequest(method, "/", nil)
	return ref, ref.kind != "" && method != "" && err == nil
}

// check compares a body with the reference.
func (ref reference) check(t *testing.T, b *lambdahttp.Body) {
	want, wantErr := []byte(ref.body), error(nil)
	switch {
	case ref.base64:
		decoded, err := base64.StdEncoding.Strict().DecodeString(ref.body)
		if want = decoded; err != nil || strings.ContainsAny(ref.body, "\r\n") {
			wantErr = lambdahttp.ErrBase64
		}
	case ref.multipart && strings.Contains(ref.body, "\uFFFD"):
		wantErr = lambdahttp.ErrNotBinary
	}
	size := b.Len()
	got, err := b.Bytes()
	if !errors.Is(err, wantErr) {
		t.Errorf("Bytes(): %v, want %v", err, wantErr)
	}
	if err == nil && (!bytes.Equal(got, want) || size != len(want)) {
		t.Errorf("Bytes() = %q, Len() = %d, want %q", got, size, want)
	}
}

// FuzzInvoke: whatever the event, Invoke neither panics nor fails and prints
// nothing; its answer is one that the sender takes; the handler is called
// exactly for what encoding/json takes for an HTTP event, with the same body. The
// one exception: base64 in which a character stands that JSON forbids reaches the
// handler, as wrong base64, since nothing looks into it before.
func FuzzInvoke(f *testing.F) {
	for _, file := range samples(f) {
		f.Add(readFile(f, filepath.Base(file)))
	}
	for _, kind := range kinds {
		form := withHeader(kind, "Content-Type", "multipart/form-data; boundary=b")
		form["body"], form["isBase64Encoded"] = "LS1iDQoNCi0tYi0tDQo=", true
		f.Add(newEvent(f, kind, form))
		form["body"], form["isBase64Encoded"] = "--b\r\n\r\n\uFFFD\r\n--b--", false
		f.Add(newEvent(f, kind, form))
	}
	for _, event := range []string{
		`null`, `{}`, `[]`, `{"warmup":true}`, `{"Records":[{"body":"x"}]}`,
		`{"httpMethod":"POST","body":"\ud83d\ude00\ud83d\u0000\/"}`,
		`{"httpMethod":"POST","body":"QUJD\n\n\n\n","isBase64Encoded":true}`,
		`{"httpMethod":"POST","body":"x","body":null,"b\u006fdy":"y"}`,
		`{"path":"\"body\":\"x\"","httpMethod":"POST","requestContext":{"body":"x"},"body" : "y"}`,
		`{"httpMethod":"POST","requestContext":{"body":"QUJD"},"body":"` + strings.Repeat("QUJD", 30) + `","isBase64Encoded":true}`,
		`{"httpMethod":"POST","requestContext":{"body":"` + strings.Repeat("QUJD", 30) + `"},"body":"QUJD"}`,
	} {
		f.Add([]byte(event))
	}
	var printed bytes.Buffer // what the adapter prints when it fails
	log.SetOutput(&printed)
	f.Cleanup(func() { log.SetOutput(os.Stderr) })
	f.Fuzz(func(t *testing.T, payload []byte) {
		original := bytes.Clone(payload)
		valid := json.Valid(payload)
		ref, serve := readReference(payload)
		called := false
		h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			called = true
			mediaType := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Type")))
			ref.multipart = strings.HasPrefix(mediaType, "multipart/") && mediaType != "multipart/"
			body := r.Body.(*lambdahttp.Body)
			if serve {
				ref.check(t, body)
			} else if _, err := body.Bytes(); !errors.Is(err, lambdahttp.ErrBase64) || valid {
				t.Errorf("the handler was called for %q, whose body is %v", original, err)
			}
			if info, _ := lambdahttp.InfoFrom(r.Context()); serve && info.Kind != ref.kind {
				t.Errorf("kind %q, want %q", info.Kind, ref.kind)
			} else {
				ref.kind = info.Kind
			}
			if again, err := url.ParseRequestURI(r.RequestURI); err != nil || again.Path != r.URL.Path {
				t.Errorf("RequestURI %q, %v, does not lead to %q", r.RequestURI, err, r.URL.Path)
			}
			for name, values := range r.Header {
				w.Header()[name] = values
			}
			w.Write([]byte(r.URL.Path))
		}), lambdahttp.Options{BasePath: "base"})
		printed.Reset()
		out, err := h.Invoke(context.Background(), payload)
		if err != nil || printed.Len() > 0 {
			t.Fatalf("Invoke(%q): %v, printed %q", original, err, &printed)
		}
		if serve && !called {
			t.Errorf("Invoke(%q) = %s, and the handler was not called", original, out)
		}
		answer, err := gateway.Decode(ref.kind, out)
		if ref.kind == "" && err != nil { // a load balancer's event that is no JSON
			answer, err = gateway.Decode(lambdahttp.ALB, out)
		}
		if ref.kind == "" && err != nil {
			answer, err = gateway.Decode(lambdahttp.ALBMultiValue, out)
		}
		if err != nil {
			t.Fatalf("answer of kind %q to %q: %v", ref.kind, original, err)
		}
		if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[called]; answer.Status != want {
			t.Errorf("Invoke(%q) = %s, want status %d", original, out, want)
		}
	})
}

// FuzzRoundTrip: a request that goes through a gateway of any kind reaches the
// handler with the same method, path segments, query, headers and body, as far
// as that kind of gateway lets them through.
func FuzzRoundTrip(f *testing.F) {
	f.Add(uint8(0), "POST", "/api/conversations/c%2F1/upload-files", "a=1&b=%20&a=2", "X-Key", "k", "k2", true, []byte("\x00\xff"))
	f.Add(uint8(1), "POST", "/a%3Fb%23c%25d%0A", "z=+&a=%2B", "X-Session-Api-Key", "a,b", "", true, []byte("--b--"))
	f.Add(uint8(2), "post", "/%20/;=@/ä", "x;y=1", "Accept-Language", "de; q=1", "", false, []byte("λ"))
	f.Add(uint8(3), "HEAD", "//a/../b", "p=%zz&q", "Accept", "", "", false, []byte(nil))
	f.Add(uint8(4), "M-SEARCH", "/", "", "Content-Encoding", "gzip", "br", false, []byte("x\r\n"))
	f.Fuzz(func(t *testing.T, which uint8, method, path, query, name, value, value2 string, binary bool, body []byte) {
		kind := kinds[int(which)%len(kinds)]
		r, ok := fuzzedRequest(method, path, query, name, value, value2, binary)
		if !ok || !binary && !utf8.Valid(body) || !passes(kind, r) {
			t.Skip()
		}
		options := gateway.Options{BinaryTypes: []string{"multipart/form-data"}}
		payload, err := gateway.Event(kind, r, body, options)
		if err != nil {
			t.Fatal(err)
		}
		got := seen(t, kind, payload)
		if got.Method != r.Method || got.Body != string(body) || got.ContentLength != int64(len(body)) {
			t.Errorf("%s: %s with body %q, sent %s with %q", payload, got.Method, got.Body, r.Method, body)
		}
		wantPath := r.URL.EscapedPath()
		if kind == lambdahttp.HTTPAPI {
			wantPath = (&url.URL{Path: r.URL.Path}).EscapedPath()
		}
		if got.Path != r.URL.Path || got.EscapedPath != wantPath {
			t.Errorf("%s: path %q (%q), sent %q (%q)", payload, got.Path, got.EscapedPath, r.URL.Path, wantPath)
		}
		gotQuery, _ := url.ParseQuery(got.RawQuery)
		if diff := cmp.Diff(r.URL.Query(), gotQuery); diff != "" {
			t.Errorf("%s: query (-sent +got):\n%s", payload, diff)
		}
		if diff := cmp.Diff(arriving(kind, r.Header[name]), got.Header[name]); diff != "" {
			t.Errorf("%s: values of %s (-sent +got):\n%s", payload, name, diff)
		}
	})
}

// fuzzedRequest makes a request that net/http's server could have read.
func fuzzedRequest(method, path, query, name, value, value2 string, binary bool) (*http.Request, bool) {
	if path == "" || path[0] != '/' || strings.ContainsAny(path, "?#") || http.CanonicalHeaderKey(name) != name {
		return nil, false
	}
	raw := "POST " + path + "?" + query + " HTTP/1.1\r\nHost: a\r\n\r\n"
	if strings.ContainsAny(path+query, " \r\n\t#") || method == "" || len(raw) > 10<<10 {
		return nil, false
	}
	if _, err := http.NewRequest(method, "/", nil); err != nil {
		return nil, false
	}
	u, err := url.ParseRequestURI(path + "?" + query)
	if err != nil {
		return nil, false
	}
	r := &http.Request{Method: method, URL: u, Host: "api.example.com", RemoteAddr: "192.0.2.7:4711", Proto: "HTTP/1.1", Header: http.Header{}}
	r.Header.Set("Content-Type", "text/plain")
	if binary {
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	}
	if _, taken := r.Header[name]; taken || !isOrdinary(name) || !isHeaderValue(value) || !isHeaderValue(value2) {
		return nil, false
	}
	r.Header.Add(name, value)
	if value2 != "" {
		r.Header.Add(name, value2)
	}
	return r, true
}

// isOrdinary tells a header that passes from one that a gateway sets anew.
func isOrdinary(name string) bool {
	own := []string{"Host", "Content-Length", "Cookie", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"}
	_, err := http.NewRequest(name, "/", nil) // a name is a token, as a method is
	return err == nil && name != "" && !slices.Contains(own, name)
}

func isHeaderValue(s string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return utf8.ValidString(s) && !strings.ContainsFunc(s, control) && strings.TrimSpace(s) == s
}

// passes tells a request whose path and query a kind of gateway lets through
// whole. JSON has no room for decoded bytes that are not UTF-8, and a load
// balancer without multi-value headers drops repeated names.
func passes(kind lambdahttp.Kind, r *http.Request) bool {
	if !utf8.ValidString(r.URL.RawQuery) {
		return false
	}
	pairs := strings.Count(r.URL.RawQuery, "&") + 1
	switch kind {
	case lambdahttp.HTTPAPI:
		return utf8.ValidString(r.URL.Path)
	case lambdahttp.REST:
		decoded, err := url.QueryUnescape(r.URL.RawQuery)
		return err == nil && utf8.ValidString(decoded)
	case lambdahttp.ALB:
		return pairs == 1
	case lambdahttp.ALBMultiValue:
		// The order of values is lost where one name is spelled in two ways.
		return !strings.Contains(r.URL.RawQuery, "%") || pairs == 1
	}
	return true
}

// arriving is what becomes of a header's values on their way.
func arriving(kind lambdahttp.Kind, values []string) []string {
	switch kind {
	case lambdahttp.HTTPAPI, lambdahttp.FunctionURL:
		return []string{strings.Join(values, ",")}
	case lambdahttp.ALB:
		return values[len(values)-1:]
	}
	return values
}
