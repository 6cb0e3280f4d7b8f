package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/proof/template"
)

type function func(ctx context.Context, event []byte) ([]byte, error)

func (f function) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// ok answers every event and remembers how long the last one was.
type ok struct{ size int }

func (f *ok) Invoke(_ context.Context, event []byte) ([]byte, error) {
	f.size = len(event)
	return []byte(`{"statusCode":200,"body":"ok"}`), nil
}

func serve(t *testing.T, api *gateway.API) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server
}

// maxDirect is what template.yaml allows a file that goes straight to S3.
const maxDirect = 5 << 30

// refusalIn is the body that template.yaml gives to a kind of gateway response.
func refusalIn(t *testing.T, kind string) string {
	t.Helper()
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	deployed, err := source.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	body, found := template.At(map[string]any(deployed),
		"Resources", "UploadApi", "Properties", "GatewayResponses", kind, "ResponseTemplates", "application/json")
	if !found {
		t.Fatalf("template.yaml has no gateway response %s", kind)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(body.(string))); err != nil {
		t.Fatalf("gateway response %s: %v", kind, err)
	}
	return compact.String()
}

func post(t *testing.T, url string, body io.Reader) (status int, text string) {
	t.Helper()
	response, err := http.Post(url, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(read))
}

func TestARequestBecomesAnEventAndTheAnswerComesBack(t *testing.T) {
	var event struct {
		Path            string `json:"path"`
		Body            []byte `json:"body"`
		IsBase64Encoded bool   `json:"isBase64Encoded"`
		RequestContext  struct {
			RequestID string `json:"requestId"`
		} `json:"requestContext"`
	}
	var lambdaID string
	server := serve(t, &gateway.API{Function: function(func(ctx context.Context, payload []byte) ([]byte, error) {
		if lc, ok := lambdacontext.FromContext(ctx); ok {
			lambdaID = lc.AwsRequestID
		}
		return []byte(`{"statusCode":207,"multiValueHeaders":{"X-Two":["1","2"]},"body":"AP8=","isBase64Encoded":true}`),
			json.Unmarshal(payload, &event)
	})})
	response, err := http.Post(server.URL+"/a%2Fb//c/../d", "multipart/form-data; boundary=b", strings.NewReader("\x00\xff"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if event.Path != "/a%2Fb//c/../d" || string(event.Body) != "\x00\xff" || !event.IsBase64Encoded {
		t.Errorf("event = %+v, want path and body as they were sent, the body in base64", event)
	}
	if response.StatusCode != 207 || len(response.Header["X-Two"]) != 2 || string(body) != "\x00\xff" {
		t.Errorf("answer = %d %v %q, want the function's", response.StatusCode, response.Header, body)
	}
	if id := response.Header.Get("X-Amzn-Requestid"); id == "" || id != event.RequestContext.RequestID {
		t.Errorf("request id %q, in the event %q", id, event.RequestContext.RequestID)
	}
	if lambdaID == "" {
		t.Error("the context has no Lambda request id")
	}
}

func TestAnEventHasAtMostSixMegabytes(t *testing.T) {
	called := &ok{}
	server := serve(t, &gateway.API{Function: called, MaxDirectFile: maxDirect})
	const known = 1 << 20
	if status, _ := post(t, server.URL, strings.NewReader(strings.Repeat("a", known))); status != http.StatusOK {
		t.Fatalf("1 MB of text = %d, want 200", status)
	}
	envelope := called.size - known
	for _, test := range []struct{ event, want int }{
		{6291456, http.StatusOK},
		{6291457, http.StatusRequestEntityTooLarge},
	} {
		called.size = 0
		status, body := post(t, server.URL, strings.NewReader(strings.Repeat("a", test.event-envelope)))
		if status != test.want {
			t.Errorf("event of %d bytes = %d, want %d", test.event, status, test.want)
		}
		if want := refusalIn(t, "REQUEST_TOO_LARGE"); status != http.StatusOK && body != want {
			t.Errorf("refusal = %s, want %s", body, want)
		}
		if status == http.StatusOK != (called.size == test.event) {
			t.Errorf("event of %d bytes: the function got %d", test.event, called.size)
		}
	}
}

func TestABodyHasAtMostTenMegabytes(t *testing.T) {
	var logged bytes.Buffer
	called := &ok{}
	server := serve(t, &gateway.API{Function: called, MaxDirectFile: maxDirect, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	// A body that passes here is still too large for Lambda: the log tells who refused it.
	tests := []struct {
		name string
		body io.Reader
		want string
	}{
		{"at the limit", strings.NewReader(strings.Repeat("a", 10485760)), "the event has"},
		{"over it", strings.NewReader(strings.Repeat("a", 10485761)), "the body has 10485761 bytes"},
		{"at the limit, length not told", io.LimitReader(letters{}, 10485760), "the event has"},
		{"over it, length not told", io.LimitReader(letters{}, 10485761), "the body has more than 10485760"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			logged.Reset()
			status, body := post(t, server.URL, test.body)
			if want := refusalIn(t, "REQUEST_TOO_LARGE"); status != http.StatusRequestEntityTooLarge || body != want {
				t.Errorf("answer = %d %s, want 413 %s", status, body, want)
			}
			if !strings.Contains(logged.String(), test.want) {
				t.Errorf("log = %s, want %q", &logged, test.want)
			}
		})
	}
	if called.size != 0 {
		t.Error("the function was called")
	}
}

// letters is text without end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// exchange sends bytes and reads the answer when all are sent.
func exchange(t *testing.T, server *httptest.Server, request string, body []byte) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(body); err != nil {
		t.Fatalf("the connection broke before all was sent: %v", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestARefusalReachesAClientThatSendsItAllFirst(t *testing.T) {
	server := serve(t, &gateway.API{Function: &ok{}})
	const size = 20 << 20
	request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", size)
	if r := exchange(t, server, request, make([]byte, size)); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answer = %d, want 413", r.StatusCode)
	}
}

func TestARefusalReachesAClientThatAsksFirst(t *testing.T) {
	server := serve(t, &gateway.API{Function: &ok{}})
	request := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\nExpect: 100-continue\r\n\r\n"
	if r := exchange(t, server, request, nil); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answer = %d, want 413 before a byte of the body", r.StatusCode)
	}
}

func TestHeadersHaveAtMost10240Bytes(t *testing.T) {
	called := &ok{}
	server := serve(t, &gateway.API{Function: called, MaxDirectFile: maxDirect})
	const counted = len("GET") + len("/path") + len("HTTP/1.1") + len("host")
	for _, test := range []struct{ size, want int }{
		{10240, http.StatusOK},
		{10241, http.StatusRequestHeaderFieldsTooLarge},
	} {
		called.size = 0
		half := (test.size - counted) / 2
		request := "GET /path HTTP/1.1\r\nHost: host\r\n" +
			"X-Same: " + strings.Repeat("a", half) + "\r\n" +
			"X-Same: " + strings.Repeat("a", test.size-counted-half) + "\r\n\r\n"
		response := exchange(t, server, request, nil)
		if response.StatusCode != test.want {
			t.Errorf("%d bytes = %d, want %d", test.size, response.StatusCode, test.want)
		}
		body, _ := io.ReadAll(response.Body)
		const want = `{"detail":"HTTP header is larger than 10240 bytes."}` + "\n"
		if test.want != http.StatusOK && (string(body) != want || called.size != 0) {
			t.Errorf("refusal = %s, function called: %v", body, called.size != 0)
		}
	}
}

func TestWhatTheFunctionFailsAtIs502(t *testing.T) {
	answer := func(size int) function {
		body := `{"statusCode":200,"body":"` + strings.Repeat("a", size-len(`{"statusCode":200,"body":""}`)) + `"}`
		return func(context.Context, []byte) ([]byte, error) { return []byte(body), nil }
	}
	tests := []struct {
		name     string
		function function
		want     int
	}{
		{"an error", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("secret cause") }, 502},
		{"a panic", func(context.Context, []byte) ([]byte, error) { panic("secret cause") }, 502},
		{"no JSON", func(context.Context, []byte) ([]byte, error) { return []byte("secret cause"), nil }, 502},
		{"no status", func(context.Context, []byte) ([]byte, error) { return []byte(`{}`), nil }, 502},
		{"an answer of 6,291,556 bytes", answer(6291556), 200},
		{"an answer of one byte more", answer(6291557), 502},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, &gateway.API{Function: test.function})
			status, body := post(t, server.URL, nil)
			if status != test.want {
				t.Fatalf("status %d, want %d", status, test.want)
			}
			if want := refusalIn(t, "DEFAULT_5XX"); status == 502 && body != want {
				t.Errorf("body = %s, want %s", body, want)
			}
		})
	}
}

func TestTheFunctionHas28SecondsAndTheClientWaits29(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		release := make(chan struct{})
		limits := make(chan time.Duration, 2)
		api := &gateway.API{Function: function(func(ctx context.Context, _ []byte) ([]byte, error) {
			until, _ := ctx.Deadline()
			limits <- until.Sub(begin)
			<-ctx.Done()
			limits <- time.Since(begin)
			<-release
			return nil, ctx.Err()
		})}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
		if said, kept := <-limits, <-limits; said != 28*time.Second || kept != said {
			t.Errorf("the function's deadline is %v and came after %v, want 28 s", said, kept)
		}
		if waited := time.Since(begin); waited != 29*time.Second {
			t.Errorf("the answer came after %v, want 29 s", waited)
		}
		if want := refusalIn(t, "INTEGRATION_TIMEOUT"); w.Code != http.StatusGatewayTimeout || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("answer = %d %s, want 504 %s", w.Code, w.Body, want)
		}
		if got := w.Header().Get("Retry-After"); got != "5" {
			t.Errorf("Retry-After = %q, want 5", got)
		}
		close(release)
	})
}

// Lambda knows nothing of clients: what was begun is done.
func TestAClientThatGoesAwayDoesNotStopTheFunction(t *testing.T) {
	started, left, done := make(chan struct{}), make(chan struct{}), make(chan error)
	server := serve(t, &gateway.API{Function: function(func(ctx context.Context, _ []byte) ([]byte, error) {
		close(started)
		<-left
		done <- ctx.Err()
		return []byte(`{"statusCode":200}`), nil
	})})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-started
		leave()
	}()
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader("body"))
	if _, err := http.DefaultClient.Do(request); !errors.Is(err, context.Canceled) {
		t.Fatalf("the client got %v, want its own cancellation", err)
	}
	close(left)
	if err := <-done; err != nil {
		t.Errorf("the function's context ended with its client: %v", err)
	}
}

func TestABodyThatIsCutShortReachesNoFunction(t *testing.T) {
	called := &ok{}
	refused := make(chan struct{})
	server := serve(t, &gateway.API{Function: called, MaxDirectFile: maxDirect, Log: slog.New(slog.NewTextHandler(
		writer(func(line []byte) { close(refused) }), nil))})
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	conn.Close()
	<-refused
	if called.size != 0 {
		t.Error("the function was called with a part of the body")
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestRefusalsCarryCORSHeadersWhereOriginsAreAllowed(t *testing.T) {
	for _, test := range []struct {
		origins []string
		want    string
	}{
		{nil, ""},
		{[]string{"https://chat.example"}, "*"},
	} {
		api := &gateway.API{Origins: test.origins, Function: function(func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("failed")
		})}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != test.want {
			t.Errorf("with origins %v a refusal allows %q, want %q", test.origins, got, test.want)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("Content-Type = %q", got)
		}
	}
}
