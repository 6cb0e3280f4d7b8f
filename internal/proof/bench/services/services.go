// Package services stands in for S3 and Secrets Manager where only the function
// is to be measured: it answers at once, or after a fixed time, and checks
// nothing.
package services

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how far away the services are. The zero value is HTTP at once.
type Options struct {
	// RoundTrip is what an answer takes longer, and each round trip that sets up
	// a connection: one for TCP and one for TLS.
	RoundTrip time.Duration
	// TLS serves HTTPS with this certificate; nil means HTTP.
	TLS *Certificate
	// Secret is the value of every secret.
	Secret string
}

// Services listens on 127.0.0.1 until Close.
type Services struct {
	o        Options
	servers  []*http.Server
	s3       string
	secrets  string
	puts     atomic.Int64
	keeping  atomic.Bool
	mu       sync.Mutex
	contents map[string][sha256.Size]byte
}

// Start starts both services.
func Start(o Options) (*Services, error) {
	s := &Services{o: o, contents: map[string][sha256.Size]byte{}}
	var err error
	if s.s3, err = s.listen(s.store); err == nil {
		s.secrets, err = s.listen(s.secretValue)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Services) listen(h http.HandlerFunc) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients are killed in the middle of handshakes
	}
	s.servers = append(s.servers, server)
	l = &farListener{l, s.o.RoundTrip}
	if s.o.TLS == nil {
		go func() { _ = server.Serve(l) }() // ends with Close
		return "http://" + address, nil
	}
	server.TLSConfig = s.o.TLS.config(s.o.RoundTrip)
	go func() { _ = server.ServeTLS(l, "", "") }() // ends with Close
	return "https://" + address, nil
}

// Close ends both services.
func (s *Services) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// S3 is the URL of the store.
func (s *Services) S3() string { return s.s3 }

// SecretsManager is the URL of the secret store.
func (s *Services) SecretsManager() string { return s.secrets }

// Puts is the number of objects that the store was given so far.
func (s *Services) Puts() int64 { return s.puts.Load() }

// Keep makes the store remember the SHA-256 of what it is given, which costs
// time, or stops it and forgets.
func (s *Services) Keep(on bool) {
	s.keeping.Store(on)
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.contents)
}

// SHA256 is the hash of the object at a path, "/bucket/key", that was put while
// the store was keeping.
func (s *Services) SHA256(path string) (sum [sha256.Size]byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, ok = s.contents[path]
	return sum, ok
}

// store takes every object. It has none to show: what asks for one, or for the
// bucket to open a connection, is refused as S3 refuses a stranger.
func (s *Services) store(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		time.Sleep(s.o.RoundTrip)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if err := s.take(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.puts.Add(1)
	time.Sleep(s.o.RoundTrip)
	w.Header().Set("ETag", `"00000000000000000000000000000000"`)
	w.WriteHeader(http.StatusOK)
}

func (s *Services) take(r *http.Request) error {
	if !s.keeping.Load() {
		return discard(r.Body)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, content(r)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contents[r.URL.Path] = [sha256.Size]byte(hash.Sum(nil))
	return nil
}

// buffers are large so that the store takes little of the machine's time.
var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func discard(r io.Reader) error {
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	for {
		_, err := r.Read(buffer[:])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// secretValue answers GetSecretValue
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
func (s *Services) secretValue(w http.ResponseWriter, r *http.Request) {
	var in struct{ SecretId string }
	if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" ||
		json.NewDecoder(r.Body).Decode(&in) != nil {
		http.Error(w, `{"__type":"InvalidRequestException"}`, http.StatusBadRequest)
		return
	}
	time.Sleep(s.o.RoundTrip)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"ARN":           "arn:aws:secretsmanager:us-east-1:123456789012:secret:" + in.SecretId,
		"Name":          in.SecretId,
		"VersionId":     "00000000-0000-4000-8000-000000000000",
		"VersionStages": []string{"AWSCURRENT"},
		"SecretString":  s.o.Secret,
		"CreatedDate":   1.7e9,
	})
}
