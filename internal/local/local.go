// Package local runs the whole of the product on one machine: a real S3 server,
// a secret store, and a stand-in for API Gateway in front of the function.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/local/filelock"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/s3server"
	"uploadfiles/internal/local/secretstore"
)

// Options say what to run. Dir is required.
type Options struct {
	// Dir keeps files, secrets and logs from run to run. It is made when it is
	// missing, and used by one stack at a time.
	Dir string

	// Function makes what answers requests, from the configuration of its AWS
	// clients and its environment. Nil means that there is no gateway.
	Function func(cfg aws.Config, getenv func(string) string) (gateway.Function, error)

	// Files makes what answers the paths of [FilesPaths] in the Function's place,
	// in the same way. Nil means that the Function answers them.
	Files func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error)

	// Getenv is the environment of the user, whose settings go before the
	// stack's own, but for the addresses of the services. Nil means empty.
	Getenv func(string) string

	// Port is the gateway's. Zero means any that is free.
	Port int

	// S3Port is the S3 server's, on which presigned URLs depend. Zero means that
	// of the folder's last run, and in a new folder FirstS3Port. Zero for both
	// means any that is free.
	S3Port, FirstS3Port int

	// Routes are paths that the stack serves itself, beside the gateway, such as
	// documentation. Nil means none.
	Routes *http.ServeMux

	// Notify is told what the user should know while the stack starts and runs.
	// Nil means nobody is told.
	Notify func(format string, args ...any)

	// Log takes what goes wrong with single requests outside the function. Nil
	// means no log.
	Log *slog.Logger
}

// Stack is what runs.
type Stack struct {
	URL             string     // of the gateway, such as http://localhost:3000; empty without a function
	S3Endpoint      string     // also in presigned URLs, such as http://127.0.0.1:7070
	SecretsEndpoint string     // of a Secrets Manager
	AWS             aws.Config // region and credentials for both
	Bucket          string     // which is there
	Secret          string     // name of the secret with the session key; may contain {conversation_id}
	SecretsFile     string     // see [secretstore.Secrets]

	// SecretValue is the value that the secret had at the start, for the
	// conversation named demo where each has its own.
	SecretValue string

	lock    *filelock.Lock
	s3      *s3server.Server
	servers []*http.Server
	serving sync.WaitGroup
	close   sync.Once
}

// Conversation is the one whose session key a stack makes if there is none.
const Conversation = "demo"

// FilesPaths are the paths that the files function answers, as API Gateway
// spells them.
var FilesPaths = []string{
	"/",
	"/page/{proxy+}",
	"/api/conversations/{conversation_id}/files",
	"/api/conversations/{conversation_id}/files/{path+}",
	"/api/conversations/{conversation_id}/zip",
	"/api/conversations/{conversation_id}/manifest",
	"/api/conversations/{conversation_id}/fetch.sh",
	"/api/conversations/{conversation_id}/put.sh",
	"/api/conversations/{conversation_id}/list-files",
	"/api/conversations/{conversation_id}/select-file",
}

// What the function's settings are where the user does not say otherwise.
const (
	defaultBucket = "uploads"
	defaultSecret = "upload-files/session-key"
	// keyCache makes an edit of the secrets count soon.
	keyCache = "2s"
)

// Start starts a stack and returns when it serves. A [*PortError] says that a
// port is taken, a [*RunningError] that the folder is in use.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Notify == nil {
		o.Notify = func(string, ...any) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	s := &Stack{
		Bucket:      cmp.Or(o.Getenv("UPLOAD_BUCKET"), defaultBucket),
		Secret:      cmp.Or(o.Getenv("SESSION_KEY_SECRET"), defaultSecret),
		SecretsFile: filepath.Join(o.Dir, "secrets.json"),
	}
	if err := s.start(ctx, o); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the stack within two seconds and returns when nothing of it runs.
func (s *Stack) Close() {
	s.close.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		for _, server := range slices.Backward(s.servers) { // the gateway first
			if server.Shutdown(ctx) != nil {
				server.Close()
			}
		}
		s.serving.Wait()
		if s.s3 != nil {
			s.s3.Close()
		}
		if s.lock != nil {
			s.lock.Release()
		}
	})
}

// shutdownTime is how long requests have to end. The S3 server has the rest of
// the two seconds.
const shutdownTime = time.Second

func (s *Stack) start(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if s.lock, err = lockDir(o.Dir); err != nil {
		return err
	}
	// The port first: a wrong one should not be found out after a minute's build.
	listeners, err := s.listen(o)
	if err != nil {
		return err
	}
	defer func() { // those that no server has taken over
		for _, l := range listeners {
			l.Close()
		}
	}()
	if err := s.lock.Note(fmt.Sprintf("process %d, %s", os.Getpid(), s.URL)); err != nil {
		return err
	}
	if err := s.startS3(ctx, o); err != nil {
		return err
	}
	if err := s.startSecrets(o); err != nil {
		return err
	}
	if o.Function == nil {
		return nil
	}
	handler, err := s.handler(o)
	if err != nil {
		return err
	}
	s.serve(handler, listeners...)
	listeners = nil
	return nil
}

func lockDir(dir string) (*filelock.Lock, error) {
	lock, err := filelock.Try(filepath.Join(dir, "lock"))
	if held := (*filelock.HeldError)(nil); errors.As(err, &held) {
		return nil, &RunningError{held.Note}
	}
	if err != nil {
		return nil, err
	}
	return lock, lock.Note(fmt.Sprintf("process %d, starting", os.Getpid()))
}

// RunningError says that another stack uses the folder.
type RunningError struct {
	Stack string // its process and address
}

func (e *RunningError) Error() string { return "it is running already: " + e.Stack }

// PortError says that another program uses a port.
type PortError struct {
	Port    int
	Setting string // that chooses another
}

func (e *PortError) Error() string {
	return fmt.Sprintf("port %d is in use by another program; %s=%d chooses another", e.Port, e.Setting, e.Port+1)
}

// listen takes the gateway's port under both addresses that localhost may stand
// for. A machine without IPv6 has one.
func (s *Stack) listen(o Options) ([]net.Listener, error) {
	if o.Function == nil {
		return nil, nil
	}
	four, err := listen("127.0.0.1", o.Port)
	if err != nil {
		return nil, portError(err, o.Port, "PORT")
	}
	port := four.Addr().(*net.TCPAddr).Port
	s.URL = fmt.Sprintf("http://localhost:%d", port)
	six, err := listen("::1", port)
	switch {
	case err == nil:
		return []net.Listener{four, six}, nil
	case errors.Is(err, syscall.EADDRINUSE):
		four.Close()
		return nil, portError(err, port, "PORT")
	}
	return []net.Listener{four}, nil
}

func listen(host string, port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
}

func portError(err error, port int, setting string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return &PortError{port, setting}
	}
	return err
}

func (s *Stack) startS3(ctx context.Context, o Options) error {
	state, err := loadState(o.Dir)
	if err != nil {
		return err
	}
	s.AWS = state.config()
	port := cmp.Or(o.S3Port, state.S3Port, o.FirstS3Port)
	repository, err := Repository()
	if err != nil {
		return err
	}
	program, err := s3server.Build(ctx, repository, o.Notify)
	if err != nil {
		return err
	}
	s.s3, err = s3server.Start(ctx, s3server.Options{
		Program: program,
		Dir:     o.Dir,
		Port:    port,
		Bucket:  s.Bucket,
		AWS:     s.AWS,
		Origins: s.pages(o.Getenv("CORS_ALLOWED_ORIGINS")),
		Notify:  o.Notify,
	})
	if err != nil {
		return portError(err, port, "S3_PORT")
	}
	s.S3Endpoint = s.s3.Endpoint
	if s.s3.Port == state.S3Port {
		return nil
	}
	state.S3Port = s.s3.Port
	return state.save(o.Dir)
}

// pages are the origins that may use the bucket: those that the user lets use
// the function, and the stack's own.
func (s *Stack) pages(allowed string) []string {
	origins := split(allowed)
	if s.URL != "" {
		origins = append(origins, s.URL, strings.Replace(s.URL, "localhost", "127.0.0.1", 1))
	}
	return origins
}

func split(list string) []string {
	var values []string
	for value := range strings.SplitSeq(list, ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

func (s *Stack) startSecrets(o Options) error {
	var err error
	name := strings.ReplaceAll(s.Secret, "{conversation_id}", Conversation)
	if s.SecretValue, err = secretstore.Ensure(s.SecretsFile, name); err != nil {
		return err
	}
	listener, err := listen("127.0.0.1", 0)
	if err != nil {
		return err
	}
	s.SecretsEndpoint = "http://" + listener.Addr().String()
	s.serve(secretstore.New(secretstore.Options{Path: s.SecretsFile, AWS: s.AWS, Log: o.Log}), listener)
	return nil
}

func (s *Stack) handler(o Options) (http.Handler, error) {
	function, err := o.Function(s.AWS.Copy(), s.environment(o.Getenv))
	if err != nil {
		return nil, err
	}
	api := &gateway.API{
		Function:      function,
		MaxDirectFile: maxDirectFile(o.Getenv),
		Origins:       split(o.Getenv("CORS_ALLOWED_ORIGINS")),
		Log:           o.Log,
	}
	if o.Files != nil {
		files, err := o.Files(s.AWS.Copy(), s.environment(o.Getenv))
		if err != nil {
			return nil, err
		}
		for _, path := range FilesPaths {
			api.Routes = append(api.Routes, gateway.Route{Path: path, Streamer: files})
		}
	}
	if o.Routes == nil {
		return api, nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := o.Routes.Handler(r); pattern != "" {
			o.Routes.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}), nil
}

// maxDirectFile reads a setting that the function has found right.
func maxDirectFile(getenv func(string) string) int64 {
	if n, err := strconv.ParseInt(getenv("MAX_DIRECT_FILE_SIZE"), 10, 64); err == nil {
		return n
	}
	return direct.DefaultSize
}

// environment is that of the function: the user's settings, and what makes it
// call the stack's services and nobody else.
func (s *Stack) environment(user func(string) string) func(string) string {
	return func(name string) string {
		switch name {
		case "UPLOAD_BUCKET":
			return s.Bucket
		case "SESSION_KEY_SECRET":
			return s.Secret
		case "AWS_ENDPOINT_URL_S3":
			return s.S3Endpoint
		case "AWS_ENDPOINT_URL_SECRETS_MANAGER":
			return s.SecretsEndpoint
		case "SESSION_KEY_CACHE":
			return cmp.Or(user(name), keyCache)
		case "RESPONSE_STREAMING":
			return "true" // as template.yaml has it; the stand-in takes nothing else
		}
		if strings.HasPrefix(name, "AWS_") {
			return ""
		}
		return user(name)
	}
}

// serve answers on all of the listeners until Close.
func (s *Stack) serve(handler http.Handler, listeners ...net.Listener) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	s.servers = append(s.servers, server)
	for _, listener := range slices.Clone(listeners) {
		s.serving.Go(func() { server.Serve(listener) })
	}
}
