package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/secretstore"
	"uploadfiles/internal/proof/faults"
)

// services are two environments of the function, as Lambda starts them, and what
// they call, behind proxies that fail.
type services struct {
	stack    *local.Stack
	store    *faults.Proxy
	secrets  *faults.Proxy
	function [2]*function.App
	direct   *s3.Client // past the proxies
	rotating sync.WaitGroup
	end      context.CancelFunc
	closing  sync.Once

	mu   sync.Mutex
	keys [2]string // the one that is to be used, and the one before

	total     tally
	rotations atomic.Int64
	injected  atomic.Int64
}

func start(ctx context.Context, dir string) (*services, error) {
	stack, err := local.Start(ctx, local.Options{Dir: dir, Notify: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }})
	if err != nil {
		return nil, err
	}
	s := &services{stack: stack, keys: [2]string{stack.SecretValue, stack.SecretValue}}
	if s.store, err = faults.Start(stack.S3Endpoint); err != nil {
		return nil, err
	}
	if s.secrets, err = faults.Start(stack.SecretsEndpoint); err != nil {
		return nil, err
	}
	settings, err := uploadfunction.ParseSettings(func(name string) string {
		return map[string]string{
			"UPLOAD_BUCKET": stack.Bucket, "SESSION_KEY_SECRET": stack.Secret, "SESSION_KEY_CACHE": "1s",
			"AWS_ENDPOINT_URL_S3": s.store.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.secrets.URL,
			"S3_PUBLIC_ENDPOINT": stack.S3Endpoint,
		}[name]
	})
	if err != nil {
		return nil, err
	}
	for i := range s.function {
		s.function[i] = uploadfunction.New(stack.AWS, settings, slog.New(slog.NewJSONHandler(io.Discard, nil)))
	}
	s.direct = s3.NewFromConfig(stack.AWS, func(o *s3.Options) {
		o.BaseEndpoint = &stack.S3Endpoint
		o.UsePathStyle = true
	})
	s.store.Set(s.fault(1.0/12, storeFaults))
	s.secrets.Set(s.fault(1.0/5, secretFaults))
	ctx, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.rotating.Go(func() { s.rotate(ctx) })
	return s, nil
}

func (s *services) close() {
	s.closing.Do(func() {
		s.end()
		s.rotating.Wait()
		s.store.Close()
		s.secrets.Close()
		s.stack.Close()
	})
}

var storeFaults = []faults.Fault{
	faults.S3(503, "SlowDown"), faults.S3(500, "InternalError"), faults.S3(409, "ConditionalRequestConflict"),
	faults.S3(403, "AccessDenied"), faults.ResetBefore, faults.ResetInBody, faults.ResetAfter, faults.Late, faults.Hang,
	faults.Delay(300 * time.Millisecond), faults.Corrupt, faults.Drip(time.Millisecond), faults.HangUpIdle,
}

var secretFaults = []faults.Fault{
	faults.JSON(400, "ThrottlingException"), faults.JSON(500, "InternalServiceError"), faults.ResetBefore,
	faults.ResetAfter, faults.Hang, faults.Delay(300 * time.Millisecond), faults.Drip(time.Millisecond),
}

// fault chooses for a share of all requests, and says how each of these fails.
func (s *services) fault(share float64, from []faults.Fault) func(*http.Request) faults.Fault {
	return func(*http.Request) faults.Fault {
		if mathrand.Float64() > share {
			return nil
		}
		s.injected.Add(1)
		return from[mathrand.N(len(from))]
	}
}

// forget is called now and then: the proxies note each request.
func (s *services) forget() {
	s.store.Forget()
	s.secrets.Forget()
}

// settle is until every environment has read a new key: its cache is 1 s, and a
// refresh that fails is tried again after 10 s.
const settle = 12 * time.Second

// rotate gives the secret a new key again and again, as an operator does: clients
// get it when it is in use everywhere, and have stopped using the one before the
// one before.
func (s *services) rotate(ctx context.Context) {
	for {
		old, next := s.key(false), rand.Text()
		s.use(old, old)
		if !wait(ctx, 2*lambdaTime) {
			return
		}
		err := secretstore.Save(s.stack.SecretsFile, secretstore.Secrets{
			s.stack.Secret: {secretstore.Current: next, secretstore.Previous: old},
		})
		if err != nil || !wait(ctx, settle) {
			return
		}
		s.use(next, old)
		s.rotations.Add(1)
		if !wait(ctx, settle) {
			return
		}
	}
}

func (s *services) use(current, previous string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = [2]string{current, previous}
}

// key is the one to use, or the one before, which is still accepted.
func (s *services) key(previous bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if previous {
		return s.keys[1]
	}
	return s.keys[0]
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// usage is what may not grow.
type usage struct {
	heap       uint64 // bytes
	goroutines int
}

func (u usage) String() string {
	return fmt.Sprintf("heap %.1f MiB, %d goroutines", float64(u.heap)/(1<<20), u.goroutines)
}

func measure() usage {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{m.HeapAlloc, runtime.NumGoroutine()}
}

// What a round may be above the first ones: connections that are kept, and what
// the collector has not given back.
const (
	moreHeap       = 16 << 20
	moreGoroutines = 100
)

func grown(first, last usage) error {
	if last.heap > first.heap+moreHeap || last.goroutines > first.goroutines+moreGoroutines {
		return fmt.Errorf("it grew from %s to %s", first, last)
	}
	return nil
}

var ours = regexp.MustCompile(`(?m)^uploadfiles/internal/(app|form|httpapi|lambdahttp|s3store|session|upload|faults)\.`)

// closeAndCount ends everything and wants none of its goroutines to be left.
func (s *services) closeAndCount() error {
	s.close()
	time.Sleep(time.Second)
	stacks := make([]byte, 16<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for goroutine := range strings.SplitSeq(string(stacks), "\n\n") {
		if ours.MatchString(goroutine) {
			return errors.New("a goroutine is left:\n" + goroutine)
		}
	}
	return nil
}
