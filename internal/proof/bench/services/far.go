package services

import (
	"net"
	"sync"
	"time"
)

// farListener gives connections that take a round trip to come about.
type farListener struct {
	net.Listener
	roundTrip time.Duration
}

func (l *farListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || l.roundTrip == 0 {
		return conn, err
	}
	return &farConn{Conn: conn, established: time.Now().Add(l.roundTrip)}, nil
}

// farConn hears nothing before the client could have known that it is connected.
type farConn struct {
	net.Conn
	once        sync.Once
	established time.Time
}

func (c *farConn) Read(p []byte) (int, error) {
	c.once.Do(func() { time.Sleep(time.Until(c.established)) })
	return c.Conn.Read(p)
}
