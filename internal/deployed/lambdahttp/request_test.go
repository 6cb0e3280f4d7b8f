package lambdahttp_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
)

// An HTTP API sends the path decoded: what was an escape is now a character
// that would end the path, or begin another escape.
func TestDecodedPathChangesNeitherRouteNorQuery(t *testing.T) {
	for _, path := range []string{
		"/api/a?x=1/upload-files",
		"/api/a#b/upload-files",
		"/api/100%/upload-files",
		"/api/%zz/upload-files",
		"/api/%41/upload-files",
		"/api/a b\tc\nd\x00e\x7f/upload-files",
		"/api/ä/λ/😀",
		"/api/a;b=c,d:e@f&g+h$i!j*k'(l)[m]",
		"/api/\"<>\\^`{|}",
		"//host/path",
		"/../..//a/./b/",
		"http://other/path",
		"*",
		"",
	} {
		t.Run(path, func(t *testing.T) {
			changes := withPath(lambdahttp.HTTPAPI, path)
			changes["rawQueryString"] = "q=1"
			got := seen(t, lambdahttp.HTTPAPI, newEvent(t, lambdahttp.HTTPAPI, changes))
			want := path
			if !strings.HasPrefix(want, "/") {
				want = "/" + want
			}
			if got.Path != want || got.RawQuery != "q=1" {
				t.Errorf("rawPath %q: handler sees path %q, query %q; want %q, %q", path, got.Path, got.RawQuery, want, "q=1")
			}
			if once, err := url.PathUnescape(got.EscapedPath); err != nil || once != want {
				t.Errorf("rawPath %q: one decode of %q = %q, %v; want %q", path, got.EscapedPath, once, err, want)
			}
		})
	}
}

// The others send the path as the client did; one decode is the router's.
func TestEscapedPathIsKept(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"plain", "/api/c1/upload-files", "/api/c1/upload-files"},
		{"escaped slash", "/api/..%2F..%2fx/upload-files", "/api/..%2F..%2fx/upload-files"},
		{"escaped escape", "/api/%2541/upload-files", "/api/%2541/upload-files"},
		{"needless escape", "/api/%41%7e/upload-files", "/api/%41%7e/upload-files"},
		{"NUL", "/api/%00/upload-files", "/api/%00/upload-files"},
		{"allowed marks", "/a;b=c,d:e@f&g+h$i!j*k'(l)[m]~", "/a;b=c,d:e@f&g+h$i!j*k'(l)[m]~"},
		{"dots and slashes", "//a/./../b//", "//a/./../b//"},
		{"what is not escaped", "/a b\"<>\\^`{|}λ\n", "/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D%CE%BB%0A"},
		{"question mark and number sign", "/a?b=c#d", "/a%3Fb=c%23d"},
		{"percent sign alone", "/100%/%zz/%4", "/100%25/%25zz/%254"},
		{"no slash", "api", "/api"},
		{"empty", "", "/"},
	}
	for _, kind := range kinds {
		if kind == lambdahttp.HTTPAPI {
			continue
		}
		for _, tt := range tests {
			t.Run(string(kind)+"/"+tt.name, func(t *testing.T) {
				got := seen(t, kind, newEvent(t, kind, withPath(kind, tt.in)))
				if got.EscapedPath != tt.want {
					t.Errorf("path %q: EscapedPath() = %q, want %q", tt.in, got.EscapedPath, tt.want)
				}
				if uri, _, _ := strings.Cut(got.RequestURI, "?"); uri != tt.want {
					t.Errorf("path %q: RequestURI = %q, want %q before the query", tt.in, got.RequestURI, tt.want)
				}
			})
		}
	}
}

func TestStageAndBasePathGoOnWholeSegmentsOnly(t *testing.T) {
	tests := []struct {
		name  string
		kind  lambdahttp.Kind
		stage string
		base  string
		in    string
		want  string
	}{
		{"named stage", lambdahttp.HTTPAPI, "prod", "", "/prod/api/x", "/api/x"},
		{"stage alone", lambdahttp.HTTPAPI, "prod", "", "/prod", "/"},
		{"stage and slash", lambdahttp.HTTPAPI, "prod", "", "/prod/", "/"},
		{"segment that begins as the stage", lambdahttp.HTTPAPI, "prod", "", "/prodx/api", "/prodx/api"},
		{"stage once", lambdahttp.HTTPAPI, "prod", "", "/prod/prod/api", "/prod/api"},
		{"stage further on", lambdahttp.HTTPAPI, "prod", "", "/api/prod", "/api/prod"},
		{"stage and double slash", lambdahttp.HTTPAPI, "prod", "", "/prod//api", "//api"},
		{"no named stage", lambdahttp.HTTPAPI, "$default", "", "/$default/api", "/$default/api"},
		{"stage and base path", lambdahttp.HTTPAPI, "prod", "files", "/prod/files/api", "/api"},
		{"a Function URL's stage is no segment", lambdahttp.FunctionURL, "prod", "", "/prod/api", "/prod/api"},
		{"a REST API's stage is not in the path", lambdahttp.REST, "prod", "", "/prod/api", "/prod/api"},
		{"base path", lambdahttp.REST, "prod", "files", "/files/api/x", "/api/x"},
		{"base path written with slashes", lambdahttp.REST, "prod", "/files/", "/files/api/x", "/api/x"},
		{"two segments", lambdahttp.REST, "prod", "/a/b", "/a/b/api", "/api"},
		{"base path alone", lambdahttp.REST, "prod", "files", "/files", "/"},
		{"segment that begins as the base path", lambdahttp.REST, "prod", "files", "/filesystem/api", "/filesystem/api"},
		{"no base path in the request", lambdahttp.REST, "prod", "files", "/api/x", "/api/x"},
		{"base path of a load balancer", lambdahttp.ALB, "", "files", "/files/a%2Fb", "/a%2Fb"},
		{"base path that needs escapes", lambdahttp.ALB, "", "my files", "/my%20files/a", "/a"},
		{"slash as base path", lambdahttp.ALB, "", "/", "/a", "/a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changes := withPath(tt.kind, tt.in)
			changes["requestContext"] = object{"stage": tt.stage}
			var rec recorder
			h := lambdahttp.New(&rec, lambdahttp.Options{BasePath: tt.base})
			invoke(t, h, tt.kind, newEvent(t, tt.kind, changes))
			if rec.last.EscapedPath != tt.want {
				t.Errorf("path %q with stage %q and base path %q: %q, want %q", tt.in, tt.stage, tt.base, rec.last.EscapedPath, tt.want)
			}
		})
	}
}

func TestQueryArrivesAsItWasSent(t *testing.T) {
	many := object{"b": []string{"2", "1"}, "a": []string{"x y&=%"}}
	tests := []struct {
		name string
		kind lambdahttp.Kind
		in   object
		want string
	}{
		{"HTTP API, order and escapes kept", lambdahttp.HTTPAPI, object{"rawQueryString": "z=%41&a=+&z&%3d=%zz;=/?"}, "z=%41&a=+&z&%3d=%zz;=/?"},
		{"Function URL, order and escapes kept", lambdahttp.FunctionURL, object{"rawQueryString": "z=%41&a=+&z"}, "z=%41&a=+&z"},
		{"what no URL may hold", lambdahttp.FunctionURL, object{"rawQueryString": "a=#b c\nλ"}, "a=%23b%20c%0A%CE%BB"},
		{"none", lambdahttp.HTTPAPI, object{"rawQueryString": ""}, ""},
		{"REST API, encoded again in a fixed order", lambdahttp.REST, object{"multiValueQueryStringParameters": many}, "a=x+y%26%3D%25&b=2&b=1"},
		{"REST API, single values", lambdahttp.REST, object{"multiValueQueryStringParameters": nil, "queryStringParameters": object{"b": "1", "a": "2"}}, "a=2&b=1"},
		{"REST API, none", lambdahttp.REST, object{"multiValueQueryStringParameters": nil, "queryStringParameters": nil}, ""},
		{"load balancer, not encoded twice", lambdahttp.ALB, object{"queryStringParameters": object{"u": "https%3A%2F%2Fe", "p%20q": "a+b"}}, "p%20q=a+b&u=https%3A%2F%2Fe"},
		{"load balancer with multi-value headers", lambdahttp.ALBMultiValue, object{"multiValueQueryStringParameters": object{"b": []string{"%41", "1"}, "a": []string{""}}}, "a=&b=%41&b=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 10 { // a map's order would show
				got := seen(t, tt.kind, newEvent(t, tt.kind, tt.in))
				if got.RawQuery != tt.want {
					t.Fatalf("%v: query %q, want %q", tt.in, got.RawQuery, tt.want)
				}
			}
		})
	}
}

func TestHeaderWithACommaStaysWhole(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			got := seen(t, kind, newEvent(t, kind, withHeader(kind, "X-Session-API-Key", "abc,def==")))
			want := []string{"abc,def=="}
			if diff := cmp.Diff(want, got.Header.Values("X-Session-API-Key")); diff != "" {
				t.Errorf("values of X-Session-API-Key (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRepeatedHeadersKeepNumberAndOrder(t *testing.T) {
	for _, kind := range []lambdahttp.Kind{lambdahttp.REST, lambdahttp.ALBMultiValue} {
		t.Run(string(kind), func(t *testing.T) {
			got := seen(t, kind, newEvent(t, kind, withHeader(kind, "x-session-api-key", "b", "", "a", "b")))
			want := []string{"b", "", "a", "b"}
			if diff := cmp.Diff(want, got.Header.Values("X-Session-API-Key")); diff != "" {
				t.Errorf("values of X-Session-API-Key (-want +got):\n%s", diff)
			}
		})
	}
}

// A REST API keeps two spellings of a name apart.
func TestSpellingsOfAHeaderComeTogetherInAFixedOrder(t *testing.T) {
	changes := object{"multiValueHeaders": object{"x-key": []string{"3"}, "X-Key": []string{"2"}, "X-KEY": []string{"1"}}}
	for range 20 {
		got := seen(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, changes))
		if diff := cmp.Diff([]string{"1", "2", "3"}, got.Header.Values("X-Key")); diff != "" {
			t.Fatalf("values of X-Key (-want +got):\n%s", diff)
		}
	}
}

func TestSingleHeadersServeWhereThereAreNoOthers(t *testing.T) {
	for _, none := range []any{nil, object{}} {
		got := seen(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, object{"headers": object{"X-Key": "k"}, "multiValueHeaders": none}))
		if key := got.Header.Get("X-Key"); key != "k" {
			t.Errorf("multiValueHeaders %v: X-Key = %q, want %q", none, key, "k")
		}
	}
}

func TestCookiesComeOnce(t *testing.T) {
	tests := []struct {
		name string
		kind lambdahttp.Kind
		in   object
		want []string
	}{
		{"HTTP API, in the list only", lambdahttp.HTTPAPI, object{"headers": object{}, "cookies": []string{"a=1", "b=2"}}, []string{"a=1; b=2"}},
		{"Function URL, in both places", lambdahttp.FunctionURL, object{"headers": object{"cookie": "a=1; b=2"}, "cookies": []string{"a=1", "b=2"}}, []string{"a=1; b=2"}},
		{"header only", lambdahttp.FunctionURL, object{"headers": object{"cookie": "a=1; b=2"}, "cookies": nil}, []string{"a=1; b=2"}},
		{"none", lambdahttp.HTTPAPI, object{"headers": object{}, "cookies": []string{}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := seen(t, tt.kind, newEvent(t, tt.kind, tt.in))
			if diff := cmp.Diff(tt.want, got.Header.Values("Cookie")); diff != "" {
				t.Errorf("values of Cookie (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostIsTheHeadersOrTheDomain(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			got := seen(t, kind, newEvent(t, kind, withHeader(kind, "host", "upload.example.com")))
			if _, ok := got.Header["Host"]; got.Host != "upload.example.com" || ok {
				t.Errorf("Host = %q, among the headers: %t; want upload.example.com, and not", got.Host, ok)
			}
		})
	}
	changes := withHeader(lambdahttp.REST, "accept", "*/*")
	changes["requestContext"] = object{"domainName": "api.example.com"}
	if got := seen(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, changes)); got.Host != "api.example.com" {
		t.Errorf("Host without a header = %q, want the domain", got.Host)
	}
}

func TestRemoteAddressIsNotTheClientsClaim(t *testing.T) {
	const claim = "198.51.100.9"
	for _, kind := range []lambdahttp.Kind{lambdahttp.REST, lambdahttp.HTTPAPI, lambdahttp.FunctionURL} {
		t.Run(string(kind), func(t *testing.T) {
			got := seen(t, kind, newEvent(t, kind, withHeader(kind, "X-Forwarded-For", claim)))
			if got.RemoteAddr != "192.0.2.7" || got.Info.SourceIP != "192.0.2.7" {
				t.Errorf("RemoteAddr = %q, SourceIP = %q, want the gateway's", got.RemoteAddr, got.Info.SourceIP)
			}
		})
	}
	tests := []struct {
		name string
		in   []string
		want string
	}{
		{"one", []string{"192.0.2.7"}, "192.0.2.7"},
		{"last", []string{claim + ", 192.0.2.7"}, "192.0.2.7"},
		{"last of the last", []string{claim + ", 10.0.0.1", "10.0.0.2,192.0.2.7"}, "192.0.2.7"},
		{"port", []string{claim + ", 192.0.2.7:4711"}, "192.0.2.7"},
		{"IPv6", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 and port", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"empty", []string{""}, ""},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run("load balancer/"+tt.name, func(t *testing.T) {
			changes := object{"multiValueHeaders": object{"x-forwarded-for": tt.in}}
			got := seen(t, lambdahttp.ALBMultiValue, newEvent(t, lambdahttp.ALBMultiValue, changes))
			if got.RemoteAddr != tt.want || got.Info.SourceIP != tt.want {
				t.Errorf("X-Forwarded-For %q: RemoteAddr = %q, SourceIP = %q, want %q", tt.in, got.RemoteAddr, got.Info.SourceIP, tt.want)
			}
		})
	}
}

func withMethod(kind lambdahttp.Kind, method string) object {
	if kind == lambdahttp.HTTPAPI || kind == lambdahttp.FunctionURL {
		return object{"requestContext": object{"http": object{"method": method}}}
	}
	return object{"httpMethod": method}
}

func TestMethodIsTheOneSent(t *testing.T) {
	for _, kind := range kinds {
		for _, method := range []string{"POST", "OPTIONS", "HEAD", "post", "M-SEARCH", "x"} {
			t.Run(string(kind)+"/"+method, func(t *testing.T) {
				if got := seen(t, kind, newEvent(t, kind, withMethod(kind, method))); got.Method != method {
					t.Errorf("Method = %q, want %q", got.Method, method)
				}
			})
		}
	}
}

// The adapter prints what it cannot convert, on standard output and to the
// standard logger.
func TestWhatCannotBeConvertedIsRefusedInSilence(t *testing.T) {
	for _, kind := range kinds {
		for _, method := range []string{"", "GET /secret", "secret\n", "ä"} {
			t.Run(string(kind)+"/"+method, func(t *testing.T) {
				changes := withMethod(kind, method)
				changes["path"], changes["rawPath"] = "/secret\x00%zz", "/secret\x00%zz"
				payload := newEvent(t, kind, changes)
				var status int
				printed := capture(t, func() {
					h := lambdahttp.New(http.NotFoundHandler(), lambdahttp.Options{})
					status = invoke(t, h, kind, payload).Status
				})
				if status != http.StatusBadRequest || printed != "" {
					t.Errorf("method %q: status %d, printed %q; want 400 and nothing", method, status, printed)
				}
			})
		}
	}
}

func TestHostilePathsAndHeadersAreConvertedInSilence(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			changes := withHeader(kind, "bad name\n", "bad\nvalue\x00")
			changes["path"], changes["rawPath"] = "/%zz\x00 ?#[", "/%zz\x00 ?#["
			changes["rawQueryString"] = "%zz\x00 #"
			changes["requestContext"] = object{"domainName": "bad host\n%zz/"}
			payload := newEvent(t, kind, changes)
			if printed := capture(t, func() { seen(t, kind, payload) }); printed != "" {
				t.Errorf("printed %q, want nothing", printed)
			}
		})
	}
}

// capture returns what f prints to standard output and the standard logger.
func capture(t *testing.T, f func()) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	stdout := os.Stdout
	os.Stdout = write
	log.SetOutput(&logged)
	defer func() {
		os.Stdout = stdout
		log.SetOutput(os.Stderr)
	}()
	f()
	write.Close()
	printed, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	return string(printed) + logged.String()
}

// The adapter takes its host, and whatever else is in it, from GO_API_HOST.
func TestEnvironmentDoesNotReachTheRequest(t *testing.T) {
	want := seen(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, nil))
	for _, value := range []string{"http://other.example/base?x=1#", "127.0.0.1:3000", "%zz", ""} {
		t.Run(value, func(t *testing.T) {
			t.Setenv("GO_API_HOST", value)
			got := seen(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, nil))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("request with GO_API_HOST=%q (-without +with):\n%s", value, diff)
			}
		})
	}
}

func TestURLIsThatOfAServersRequest(t *testing.T) {
	h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Scheme != "" || r.URL.Host != "" || r.URL.Fragment != "" || r.GetBody != nil {
			t.Errorf("URL = %#v, GetBody set: %t; want path and query only", r.URL, r.GetBody != nil)
		}
	}), lambdahttp.Options{})
	for _, kind := range kinds {
		invoke(t, h, kind, newEvent(t, kind, nil))
	}
}
