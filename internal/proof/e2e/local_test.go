package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/secretstore"
	"uploadfiles/internal/proof/e2e"
	"uploadfiles/internal/proof/e2e/relay"
)

// rotateLocal changes the session key of the local stack, whose secret store is
// a file that a user edits. With any other stack it is nil.
var rotateLocal func(key string) error

// localDir is where the local stack keeps its data.
var localDir string

// Settings of the local stack's functions: short times, so that the tests see
// URLs and keys expire.
const (
	localOrigin         = "http://localhost:8080"
	localURLExpiry      = 6 * time.Second
	localPreviousWindow = 3 * time.Second
)

// localTimeout is how long the function for uploads has, so that the tests need
// not wait long for one that waits in vain.
var localTimeout = 4 * time.Second

// startLocal starts what `make run` starts, with data of its own and with relays
// between the function and its services.
func startLocal() (s e2e.Stack, end func(), err error) {
	var ends []func()
	end = func() {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i]()
		}
	}
	dir, err := os.MkdirTemp("", "uploadfiles-e2e-")
	if err != nil {
		return s, end, err
	}
	ends = append(ends, func() { os.RemoveAll(dir) })
	localDir = dir
	settings := map[string]string{
		"CORS_ALLOWED_ORIGINS":        localOrigin,
		"URL_EXPIRY":                  localURLExpiry.String(),
		"SESSION_KEY_CACHE":           "1s",
		"SESSION_KEY_PREVIOUS_WINDOW": localPreviousWindow.String(),
	}
	functions := &environment{log: &logBuffer{}}
	running, err := local.Start(context.Background(), local.Options{
		Dir:      dir,
		Getenv:   func(name string) string { return settings[name] },
		Function: functions.prepare,
		Files:    functions.prepareFiles,
	})
	if err != nil {
		return s, end, err
	}
	ends = append(ends, running.Close, functions.closeRelays)
	key, err := running.AWS.Credentials.Retrieve(context.Background())
	if err != nil {
		return s, end, err
	}
	rotateLocal = func(key string) error { return rotateFile(running.SecretsFile, running.Secret, key) }
	controls := httptest.NewServer(functions.control())
	ends = append(ends, controls.Close)
	return e2e.Stack{
		Name:            "the local stack",
		API:             running.URL,
		Region:          running.AWS.Region,
		AccessKeyID:     key.AccessKeyID,
		SecretAccessKey: key.SecretAccessKey,
		S3:              running.S3Endpoint,
		Bucket:          running.Bucket,
		Prefix:          "conversations/",
		Secrets:         running.SecretsEndpoint,
		SecretID:        running.Secret,
		Origin:          localOrigin,
		URLExpiry:       localURLExpiry,
		PreviousWindow:  localPreviousWindow,
		Control:         controls.URL,
	}, end, nil
}

// rotateFile does what Secrets Manager does when a secret gets a new value.
func rotateFile(path, name, key string) error {
	secrets, err := secretstore.Load(path)
	if err != nil {
		return err
	}
	secrets[name] = map[string]string{secretstore.Current: key, secretstore.Previous: secrets[name][secretstore.Current]}
	return secretstore.Save(path, secrets)
}

// An environment is what Lambda makes for functions: it keeps one of each
// running, and makes another when it has ended. Their calls go through relays.
type environment struct {
	log            *logBuffer
	store, secrets *relay.Relay
	start          func() gateway.Function
	startFiles     func() gateway.Streamer
	function       atomic.Pointer[gateway.Function]
	files          atomic.Pointer[gateway.Streamer]
}

// prepare starts the function for uploads as the local stack has it do, before
// the one for files.
func (e *environment) prepare(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
	settings, err := uploadfunction.ParseSettings(getenv)
	if err != nil {
		return nil, err
	}
	if e.store, err = relayTo(settings.S3Endpoint); err != nil {
		return nil, err
	}
	if e.secrets, err = relayTo(settings.SecretsEndpoint); err != nil {
		return nil, err
	}
	e.relayed(&settings.Shared)
	e.start = func() gateway.Function { return uploadfunction.New(cfg, settings, e.logger()) }
	function := e.start()
	e.function.Store(&function)
	return e, nil
}

// prepareFiles starts the function for files.
func (e *environment) prepareFiles(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
	settings, err := filesfunction.ParseSettings(getenv)
	if err != nil {
		return nil, err
	}
	e.relayed(&settings.Shared)
	e.startFiles = func() gateway.Streamer { return filesfunction.New(cfg, settings, e.logger()) }
	files := e.startFiles()
	e.files.Store(&files)
	return e, nil
}

// relayed leads a function through the relays. Clients go straight to S3.
func (e *environment) relayed(s *function.Shared) {
	s.PublicEndpoint = s.S3Endpoint
	s.S3Endpoint = "http://" + e.store.Addr().String()
	s.SecretsEndpoint = "http://" + e.secrets.Addr().String()
}

func (e *environment) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(e.log, nil)) }

func relayTo(endpoint string) (*relay.Relay, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	return relay.Start("127.0.0.1", u.Host)
}

func (e *environment) closeRelays() {
	e.store.Close()
	e.secrets.Close()
}

// stop ends the functions and all that they have in memory; others take their
// places.
func (e *environment) stop() {
	function, files := e.start(), e.startFiles()
	e.function.Store(&function)
	e.files.Store(&files)
}

func (e *environment) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, localTimeout)
	defer cancel()
	return (*e.function.Load()).Invoke(ctx, event)
}

func (e *environment) Stream(ctx context.Context, event json.RawMessage) (*lambdahttp.Stream, error) {
	return (*e.files.Load()).Stream(ctx, event)
}

func (e *environment) control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /store/{mode}", e.store)
	mux.Handle("POST /secrets/{mode}", e.secrets)
	mux.HandleFunc("POST /function/stop", func(http.ResponseWriter, *http.Request) { e.stop() })
	mux.HandleFunc("GET /function/log", func(w http.ResponseWriter, _ *http.Request) { w.Write(e.log.bytes()) })
	return mux
}

// A logBuffer keeps a log.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buffer.Bytes())
}
