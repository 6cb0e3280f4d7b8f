package httpapi_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/httpapi"
)

// echo answers with what its route has taken from the path.
func echo(names ...string) httpapi.Handler {
	return func(w http.ResponseWriter, _ *http.Request, call *httpapi.Call) error {
		for _, name := range names {
			_, _ = io.WriteString(w, name+"="+call.Param(name)+";")
		}
		_, _ = io.WriteString(w, "conversation="+call.Conversation.String())
		return nil
	}
}

func TestRoutesTakeSegmentsOutOfThePath(t *testing.T) {
	api := httpapi.New(httpapi.Options{Keys: oneKey("secret-key")},
		httpapi.Route{Method: http.MethodGet, Path: "/about/{page}", Handle: echo("page")},
		httpapi.Route{Method: http.MethodGet, Path: "/api/conversations/{id}/parts/{part}", Handle: echo("part")},
		httpapi.Route{Method: http.MethodGet, Path: "/api/conversations/{id}/parts/all", Handle: echo()},
		httpapi.Route{Method: http.MethodGet, Path: "/api/conversations/{id}/files", Handle: echo()},
		httpapi.Route{Method: http.MethodGet, Path: "/api/conversations/{id}/files/{path+}", Handle: echo("path")},
	)
	cases := []struct {
		path, key string
		status    int
		want      string
	}{
		{"/about/us", "", 200, "page=us;conversation="},
		{"/about/a%2Fb", "", 404, ""}, // decoded once, a slash is a slash
		{"/about/", "", 404, ""},
		{"/about/us/", "", 200, "page=us;conversation="},
		{"/about/us%2F", "", 404, ""}, // another page than us
		{"/about/us%2f", "", 404, ""},
		{"/api/conversations/c/parts/7", "secret-key", 200, "part=7;conversation=c"},
		{"/api/conversations/c/parts/caf%C3%A9%20x", "secret-key", 200, "part=café x;conversation=c"},
		{"/api/conversations/c/parts/all", "secret-key", 200, "conversation=c"},
		{"/api/conversations/c/files/a", "secret-key", 200, "path=a;conversation=c"},
		{"/api/conversations/c/files/a/b%20c/d", "secret-key", 200, "path=a/b c/d;conversation=c"},
		{"/api/conversations/c/files/a%2Fb%2fc", "secret-key", 200, "path=a/b/c;conversation=c"},
		{"/api/conversations/c/files/a/b/", "secret-key", 200, "path=a/b;conversation=c"},
		{"/api/conversations/c/files/a/b%2F", "secret-key", 200, "path=a/b/;conversation=c"},
		{"/api/conversations/c/files/a//b", "secret-key", 200, "path=a//b;conversation=c"},
		{"/api/conversations/c/files//a", "secret-key", 200, "path=/a;conversation=c"},
		{"/api/conversations/c/files/../d/files/a", "secret-key", 200, "path=../d/files/a;conversation=c"},
		{"/api/conversations/c/files/", "secret-key", 200, "conversation=c"},
		{"/api/conversations/c/files/a/b", "", 401, ""},
		{"/api/conversations/c/parts/7", "wrong", 401, ""},
		{"/api/conversations/c/parts/7", "", 401, ""},
		{"/api/conversations/other/parts/7", "secret-key", 401, ""},
	}
	for _, c := range cases {
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		if c.key != "" {
			r.Header.Set("X-Session-API-Key", c.key)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != c.status || c.status == 200 && w.Body.String() != c.want {
			t.Errorf("GET %s with key %q: status %d, %q, want %d, %q", c.path, c.key, w.Code, w.Body, c.status, c.want)
		}
	}
}

func TestAnErrorAfterTheAnswerHasBegunBreaksItOff(t *testing.T) {
	var log bytes.Buffer
	api := httpapi.New(httpapi.Options{Keys: oneKey("k"), Log: slog.New(slog.NewJSONHandler(&log, nil))},
		httpapi.Route{Method: http.MethodGet, Path: "/half", Handle: func(w http.ResponseWriter, _ *http.Request, _ *httpapi.Call) error {
			_, _ = io.WriteString(w, "half of")
			_ = http.NewResponseController(w).Flush()
			return errors.New("the store went away")
		}})
	server := httptest.NewServer(api)
	response, err := http.Get(server.URL + "/half")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("GET /half = %d, %q, %v, want a body that breaks off", response.StatusCode, body, err)
	}
	server.Close() // which waits for the handler and its log line
	for _, want := range []string{`"level":"ERROR"`, `"cause":"the store went away"`, `"status":200`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log = %s, want %s", &log, want)
		}
	}
}
