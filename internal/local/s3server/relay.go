package s3server

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A relay hands the bytes of TCP connections to the S3 server's socket and back,
// for three reasons. The address stays ours while the server is started again.
// A client is told so meanwhile. And no answer is lost: versitygw refuses a
// write whose key is taken before it has read the body, and closes; over TCP the
// reset that follows overtakes the answer, and the client sees a broken
// connection instead of 412. Here the answer goes out first, and then the rest
// of the request is read and dropped.
type relay struct {
	listener net.Listener
	socket   string

	connections sync.WaitGroup
	mu          sync.Mutex
	open        map[net.Conn]struct{}
	closed      bool
}

// Times that a client has: to say what it wants of a server that is down, and to
// end its request after the answer.
const (
	requestWait = 5 * time.Second
	lingerTime  = 30 * time.Second
)

func newRelay(listener net.Listener, socket string) *relay {
	r := &relay{listener: listener, socket: socket, open: make(map[net.Conn]struct{})}
	r.connections.Go(r.accept)
	return r
}

// close ends every connection and returns when none is left.
func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for c := range r.open {
		c.Close()
	}
	r.mu.Unlock()
	r.connections.Wait()
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			if r.isClosed() {
				return
			}
			time.Sleep(10 * time.Millisecond) // out of file descriptors
			continue
		}
		r.connections.Go(func() {
			if r.track(client) {
				r.serve(client.(*net.TCPConn))
				r.forget(client)
			}
		})
	}
}

func (r *relay) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// track makes close end the connection; after close it ends it at once.
func (r *relay) track(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		c.Close()
		return false
	}
	r.open[c] = struct{}{}
	return true
}

func (r *relay) forget(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	c.Close()
}

func (r *relay) serve(client *net.TCPConn) {
	conn, err := net.Dial("unix", r.socket)
	if err != nil {
		refuse(client)
		return
	}
	if !r.track(conn) {
		return
	}
	defer r.forget(conn)
	server := conn.(*net.UnixConn)

	var requests sync.WaitGroup
	requests.Go(func() {
		io.Copy(server, client)
		server.CloseWrite()
		io.Copy(io.Discard, client) // what the server did not want to read
	})
	io.Copy(client, server)
	linger(client)
	requests.Wait()
}

// linger tells the client that nothing more comes and gives it time to end what
// it is sending. To close at once would take the answer from it.
func linger(client *net.TCPConn) {
	client.CloseWrite()
	client.SetReadDeadline(time.Now().Add(lingerTime))
}

// refuse answers as S3 does when it is down. It waits for a request first: an
// answer to none would look like a fault of the connection.
func refuse(client *net.TCPConn) {
	client.SetReadDeadline(time.Now().Add(requestWait))
	if n, _ := client.Read(make([]byte, 4096)); n == 0 {
		return
	}
	const body = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ServiceUnavailable</Code><Message>The S3 server is being started again.</Message></Error>`
	fmt.Fprintf(client, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\n"+
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	linger(client)
	io.Copy(io.Discard, client)
}
