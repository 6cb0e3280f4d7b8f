package curlconfig_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/curlconfig"
)

// What a file of options says is what curl sends, whatever stands in it.
func TestCurlSendsWhatTheOptionsSay(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip(err)
	}
	const odd = `a"b\c 'd' $e #f`
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	defer server.Close()
	var config strings.Builder
	request := curlconfig.Request{
		Method: http.MethodPut, URL: server.URL + `/x?q="\`,
		Headers: map[string]string{"X-Odd": odd, "Content-Disposition": `attachment; filename="a\"b"`},
	}
	n, err := request.WriteTo(&config)
	if err != nil || n != int64(config.Len()) {
		t.Fatalf("WriteTo = %d, %v, want %d bytes", n, err, config.Len())
	}
	cmd := exec.CommandContext(t.Context(), curl, "-q", "--silent", "--show-error", "--globoff", "--config", "-")
	cmd.Stdin = strings.NewReader(config.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("curl: %v\n%s\n%s", err, out, config.String())
	}
	if got.Method != http.MethodPut || got.Header.Get("X-Odd") != odd ||
		got.Header.Get("Content-Disposition") != `attachment; filename="a\"b"` || !strings.HasPrefix(got.RequestURI, "/x?q=") {
		t.Errorf("curl sent %s %s %v", got.Method, got.RequestURI, got.Header)
	}
}

func TestOptionsStandOnOneLineEach(t *testing.T) {
	var config strings.Builder
	_, _ = curlconfig.Request{Method: "GET", URL: "http://a/\nurl = \"http://b\"", Headers: map[string]string{"A": "b\r\nc\td"}}.WriteTo(&config)
	if lines := strings.Count(config.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3:\n%s", lines, config.String())
	}
	if _, err := (curlconfig.Request{}).WriteTo(brokenWriter{}); err == nil {
		t.Error("WriteTo hides the error of its writer")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
