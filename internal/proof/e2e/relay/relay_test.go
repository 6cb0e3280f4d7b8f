package relay_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"uploadfiles/internal/proof/e2e/relay"
)

// startTestRelay relays to a server that says hello, and returns the address.
func startTestRelay(t *testing.T) (*relay.Relay, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	t.Cleanup(server.Close)
	r, err := relay.Start("127.0.0.1", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, r.Addr().String()
}

// ask makes one request on a connection of its own.
func ask(address string, patience time.Duration) (string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return askOn(conn, patience)
}

func askOn(conn net.Conn, patience time.Duration) (string, error) {
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

const long = 10 * time.Second

func TestRelayPassesOnWhatItShould(t *testing.T) {
	r, address := startTestRelay(t)
	if got, err := ask(address, long); got != "hello" {
		t.Errorf("up: %q, %v", got, err)
	}
	r.Set(relay.Down)
	if got, err := ask(address, long); err == nil || timedOut(err) {
		t.Errorf("down: %q, %v, want a connection that ends", got, err)
	}
	r.Set(relay.Hang)
	if got, err := ask(address, 100*time.Millisecond); !timedOut(err) {
		t.Errorf("hanging: %q, %v, want no answer", got, err)
	}
	r.Set(relay.Up)
	if got, err := ask(address, long); got != "hello" {
		t.Errorf("up again: %q, %v", got, err)
	}
}

func timedOut(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func TestRelayEndsConnectionsThatAreOpen(t *testing.T) {
	for _, mode := range []relay.Mode{relay.Down, relay.Hang} {
		r, address := startTestRelay(t)
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got, err := askOn(conn, long); got != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		r.Set(mode)
		if got, err := askOn(conn, long); err == nil || timedOut(err) {
			t.Errorf("%s: %q, %v on a connection from before, want its end", mode, got, err)
		}
	}
}

func TestRelayLeavesNothingWhenItIsClosed(t *testing.T) {
	r, address := startTestRelay(t)
	r.Set(relay.Hang)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := r.Close(); err != nil { // and returns, though a connection hangs
		t.Error(err)
	}
	if _, err := ask(address, long); err == nil {
		t.Error("the relay still takes connections")
	}
}

func TestRelayToNowhereEndsConnections(t *testing.T) {
	nowhere, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere.Close()
	r, err := relay.Start("127.0.0.1", nowhere.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := ask(r.Addr().String(), long); err == nil || timedOut(err) {
		t.Errorf("%v, want a connection that ends", err)
	}
}

func TestRelayChangesByHTTP(t *testing.T) {
	r, address := startTestRelay(t)
	mux := http.NewServeMux()
	mux.Handle("POST /service/{mode}", r)
	for _, c := range []struct {
		path string
		want int
	}{{"/service/down", http.StatusOK}, {"/service/sideways", http.StatusNotFound}} {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, c.path, nil))
		if answer.Code != c.want {
			t.Errorf("%s: status %d, want %d", c.path, answer.Code, c.want)
		}
	}
	if got, err := ask(address, long); err == nil || timedOut(err) {
		t.Errorf("down: %q, %v", got, err)
	}
}
