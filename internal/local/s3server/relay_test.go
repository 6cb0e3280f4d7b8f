package s3server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"uploadfiles/internal/local/s3server"
)

// relayTo runs a relay to what serve does with each connection, and returns
// its address. Without serve nobody listens behind it.
func relayTo(t *testing.T, serve func(net.Conn)) (address string, closeRelay func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "relay") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	if serve != nil {
		server, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		go func() {
			for {
				conn, err := server.Accept()
				if err != nil {
					return
				}
				go serve(conn)
			}
		}()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeRelay = s3server.Relay(listener, socket)
	t.Cleanup(closeRelay)
	return listener.Addr().String(), closeRelay
}

// refuseUnread answers as soon as it has the header of a request and closes
// without a look at the body.
func refuseUnread(conn net.Conn) {
	defer conn.Close()
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		io.WriteString(conn, "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 5\r\nConnection: close\r\n\r\ntaken")
	}
}

func TestAnAnswerBeforeTheEndOfTheBodyArrives(t *testing.T) {
	address, _ := relayTo(t, refuseUnread)
	body := make([]byte, 8<<20)
	t.Run("to a client that reads while it writes", func(t *testing.T) {
		for range 20 {
			request, _ := http.NewRequest(http.MethodPut, "http://"+address+"/key", bytes.NewReader(body))
			response, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusPreconditionFailed || string(text) != "taken" || err != nil {
				t.Fatalf("answer = %d %q %v, want 412 %q", response.StatusCode, text, err, "taken")
			}
		}
	})
	t.Run("to a client that writes it all first", func(t *testing.T) {
		for range 20 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "PUT /key HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(body))
			if _, err := conn.Write(body); err != nil {
				t.Fatalf("write of the body: %v", err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || response.StatusCode != http.StatusPreconditionFailed {
				t.Fatalf("answer = %v %v, want 412", response, err)
			}
			conn.Close()
		}
	})
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	address, _ := relayTo(t, func(conn net.Conn) {
		defer conn.Close()
		requests := bufio.NewReader(conn)
		for n := 1; ; n++ {
			request, err := http.ReadRequest(requests)
			if err != nil {
				return
			}
			io.Copy(io.Discard, request.Body)
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n)
		}
	})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for want := 1; want <= 3; want++ {
		response, err := client.Post("http://"+address, "text/plain", bytes.NewReader([]byte("body")))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(got) != fmt.Sprint(want) {
			t.Errorf("request %d on its connection, want %d", got[0]-'0', want)
		}
	}
}

func TestAServerThatIsDownAnswers503(t *testing.T) {
	address, _ := relayTo(t, nil)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodHead} {
		request, _ := http.NewRequest(method, "http://"+address, bytes.NewReader(make([]byte, 1<<20)))
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s = %d %v, want 503 with Retry-After", method, response.StatusCode, response.Header)
		}
		if method != http.MethodHead && !bytes.Contains(body, []byte("<Code>ServiceUnavailable</Code>")) {
			t.Errorf("%s: body %q has no code that an SDK knows", method, body)
		}
	}
}

func TestCloseEndsOpenConnections(t *testing.T) {
	served := make(chan struct{}, 2)
	address, closeRelay := relayTo(t, func(conn net.Conn) {
		served <- struct{}{}
		io.Copy(io.Discard, conn) // never answers
		conn.Close()
	})
	var clients []net.Conn
	for range 2 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		clients = append(clients, conn)
		<-served
	}
	closeRelay()
	for _, conn := range clients {
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read after close = %d bytes, %v; want the connection's end", n, err)
		}
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("the address is still served")
	}
}
