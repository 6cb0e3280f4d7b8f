package function

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// AfterPoll has f run in a goroutine of its own as soon as the process has asked
// Lambda for its first event, and no sooner: until then Lambda counts the start.
// The request goes to the runtime API at this address, "host:port", over the
// transport that github.com/aws/aws-lambda-go makes from [http.DefaultTransport].
// AfterPoll changes that one, so it comes before lambda.Start.
func AfterPoll(address string, f func()) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // somebody has replaced it, and the library would not start either
		go f()
		return
	}
	dial := transport.DialContext
	var once sync.Once
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil || addr != address {
			return c, err
		}
		return &firstWrite{Conn: c, then: func() { once.Do(func() { go f() }) }}, nil
	}
}

// firstWrite is a connection that tells when something was written to it.
type firstWrite struct {
	net.Conn
	then func()
}

func (c *firstWrite) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.then()
	return n, err
}
