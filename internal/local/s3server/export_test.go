package s3server

import "net"

// Relay lets tests put a server of their own behind a relay.
func Relay(listener net.Listener, socket string) (closeRelay func()) {
	return newRelay(listener, socket).close
}
