// Package relay stands between the function and a service it calls, and lets
// tests put the service out of its reach.
package relay

import (
	"io"
	"net"
	"net/http"
	"sync"
)

// A Mode is what a relay does with connections.
type Mode string

// What a relay can do.
const (
	Up   Mode = "up"   // passes them on
	Down Mode = "down" // ends them at once
	Hang Mode = "hang" // takes them, and never answers
)

// A Relay passes connections on to a service, or does not.
type Relay struct {
	listener net.Listener
	target   string // host and port

	serving sync.WaitGroup
	mu      sync.Mutex
	mode    Mode
	open    map[net.Conn]struct{}
}

// Start relays from a free port of the host to the target, a host and port. The
// relay is up.
func Start(host, target string) (*Relay, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: listener, target: target, mode: Up, open: map[net.Conn]struct{}{}}
	r.serving.Go(r.serve)
	return r, nil
}

// Addr is where the relay takes connections.
func (r *Relay) Addr() *net.TCPAddr { return r.listener.Addr().(*net.TCPAddr) }

// Set changes the mode. Connections of the old one end.
func (r *Relay) Set(mode Mode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode = mode
	for c := range r.open {
		c.Close()
	}
	clear(r.open)
}

// Close ends all connections and returns when nothing of the relay is left.
func (r *Relay) Close() error {
	err := r.listener.Close()
	r.Set(Down)
	r.serving.Wait()
	return err
}

// ServeHTTP changes the mode to the path value "mode" of a request.
func (r *Relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch mode := Mode(request.PathValue("mode")); mode {
	case Up, Down, Hang:
		r.Set(mode)
	default:
		http.Error(w, "no such mode", http.StatusNotFound)
	}
}

func (r *Relay) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.serving.Go(func() { r.pass(client) })
	}
}

func (r *Relay) pass(client net.Conn) {
	defer r.drop(client)
	switch r.keep(client) {
	case Down:
		return
	case Hang:
		io.Copy(io.Discard, client) // until the mode changes or the client goes
		return
	}
	service, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer r.drop(service)
	if r.keep(service) != Up {
		return // changed meanwhile
	}
	var requests sync.WaitGroup
	requests.Go(func() {
		io.Copy(service, client)
		service.(*net.TCPConn).CloseWrite()
	})
	io.Copy(client, service)
	client.Close()
	requests.Wait()
}

// keep notes a connection that is to end with the mode, which it returns.
func (r *Relay) keep(c net.Conn) Mode {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[c] = struct{}{}
	return r.mode
}

func (r *Relay) drop(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
	c.Close()
}
