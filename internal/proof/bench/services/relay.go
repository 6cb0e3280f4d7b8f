package services

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// Relay is in front of a service that is near, and makes it far: each connection
// and each request takes a round trip longer.
type Relay struct {
	URL    string // of the relay, such as https://127.0.0.1:40000
	target atomic.Pointer[url.URL]
	server *http.Server
}

// StartRelay listens on 127.0.0.1 until Close. Requests wait in vain for a target
// that is not said yet: they are answered 502.
func StartRelay(o Options) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{URL: "http://" + l.Addr().String()}
	quiet := log.New(io.Discard, "", 0) // clients are killed in the middle
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			if to := r.target.Load(); to != nil {
				p.Out.URL.Scheme, p.Out.URL.Host = to.Scheme, to.Host
			}
			p.Out.Host = p.In.Host // it is signed
			p.SetXForwarded()
		},
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		FlushInterval: -1,
		ErrorLog:      quiet,
	}
	r.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			time.Sleep(o.RoundTrip)
			proxy.ServeHTTP(w, request)
		}),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          quiet,
	}
	l = &farListener{l, o.RoundTrip}
	if o.TLS == nil {
		go func() { _ = r.server.Serve(l) }() // ends with Close
		return r, nil
	}
	r.URL = "https://" + l.Addr().String()
	r.server.TLSConfig = o.TLS.config(o.RoundTrip)
	go func() { _ = r.server.ServeTLS(l, "", "") }() // ends with Close
	return r, nil
}

// Lead says where requests go.
func (r *Relay) Lead(to string) error {
	target, err := url.Parse(to)
	if err == nil && target.Host == "" {
		err = errors.New("the target has no host: " + to)
	}
	if err == nil {
		r.target.Store(target)
	}
	return err
}

// Close ends the relay.
func (r *Relay) Close() error { return r.server.Close() }
