package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/session"
)

// wire is Secrets Manager's side of GetSecretValue: AWS JSON 1.1, answers in the
// order of the script, and the last one from then on.
type wire struct {
	mu     sync.Mutex
	script []http.HandlerFunc
	asked  []map[string]string
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var input map[string]string
	if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || json.NewDecoder(r.Body).Decode(&input) != nil {
		http.Error(rw, "not GetSecretValue", http.StatusNotImplemented)
		return
	}
	w.mu.Lock()
	answer := w.script[min(len(w.asked), len(w.script)-1)]
	w.asked = append(w.asked, input)
	w.mu.Unlock()
	answer(rw, r)
}

func (w *wire) attempts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func answers(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

func refuses(status int, code, message string) http.HandlerFunc {
	return answers(status, fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message))
}

var stored = answers(http.StatusOK, `{"ARN":"arn:aws:secretsmanager:eu-central-1:123456789012:secret:`+shared+`-AbCdEf",`+
	`"CreatedDate":1767225600.25,"Name":"`+shared+`","SecretString":"`+firstKey+`","VersionId":"5f1c","VersionStages":["AWSCURRENT"]}`)

// overNetwork makes the SDK's client against a server on this machine.
func overNetwork(t *testing.T, w *wire) *session.SecretsManager {
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return session.NewSecretsManager(newClient(server.URL, server.Client()))
}

// inMemory is the SDK's HTTP client without a network, so that time can be fake.
// Like a network, it gives up when the context does.
type inMemory struct{ handler http.Handler }

func (m inMemory) Do(r *http.Request) (*http.Response, error) {
	done := make(chan *http.Response, 1)
	go func() {
		recorder := httptest.NewRecorder()
		m.handler.ServeHTTP(recorder, r)
		done <- recorder.Result()
	}()
	select {
	case response := <-done:
		return response, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func newClient(endpoint string, http secretsmanager.HTTPClient) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:       "eu-central-1",
		BaseEndpoint: &endpoint,
		HTTPClient:   http,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
}

func TestGetReadsAVersion(t *testing.T) {
	w := &wire{script: []http.HandlerFunc{stored}}
	got, err := overNetwork(t, w).Get(t.Context(), shared, "AWSPREVIOUS")
	want := session.Version{ID: "5f1c", Value: firstKey, Created: time.Unix(1767225600, 250_000_000).UTC()}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("Get() = %v, %v, want %v", got, err, want)
	}
	if diff := cmp.Diff([]map[string]string{{"SecretId": shared, "VersionStage": "AWSPREVIOUS"}}, w.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestGetTellsAMissingSecretFromAnUnreadableOne(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   error // nil means none of the two
	}{
		{"not there", refuses(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."), session.ErrNoSecret},
		{"no such stage", refuses(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS"), session.ErrNoSecret},
		{"deleted", refuses(400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."), session.ErrNoSecret},
		{"deleted, in LocalStack", refuses(400, "InvalidRequestException", "You tried to perform the operation on a secret that's currently marked deleted."), session.ErrNoSecret},
		{"another invalid request", refuses(400, "InvalidRequestException", "You can't perform this operation on the secret because of its state."), nil},
		{"access denied", refuses(400, "AccessDeniedException", "User is not authorized to perform: secretsmanager:GetSecretValue"), nil},
		{"key of KMS denied", refuses(400, "AccessDeniedException", "Access to KMS is not allowed"), nil},
		{"decryption failed", refuses(400, "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text."), nil},
		{"invalid parameter", refuses(400, "InvalidParameterException", "Invalid name."), nil},
		{"expired credentials", refuses(400, "ExpiredTokenException", "The security token included in the request is expired"), nil},
		{"binary", answers(200, `{"Name":"x","SecretBinary":"Zmlyc3QtUXpYald2S3BCeUdmTQ==","VersionId":"1"}`), session.ErrMalformed},
		{"no value", answers(200, `{"Name":"x","VersionId":"1"}`), session.ErrMalformed},
		{"not JSON", answers(200, firstKey), nil},
		{"cut", answers(200, `{"Name":"x","SecretString":"`+firstKey), nil},
		{"value of another type", answers(200, `{"Name":"x","SecretString":["`+firstKey+`"]}`), nil},
		{"date of another type", answers(200, `{"Name":"x","SecretString":"`+firstKey+`","CreatedDate":"`+firstKey+`"}`), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &wire{script: []http.HandlerFunc{test.answer}}
			got, err := overNetwork(t, w).Get(t.Context(), shared, "AWSCURRENT")
			if err == nil {
				t.Fatalf("Get() = %v, want an error", got)
			}
			for _, sentinel := range []error{session.ErrNoSecret, session.ErrMalformed} {
				if errors.Is(err, sentinel) != (test.want == sentinel) {
					t.Errorf("Get() = %v, want %v", err, test.want)
				}
			}
			for _, part := range []string{"QzX", "jWv", "UXpY"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("Get() = %v, which shows the secret", err)
				}
			}
		})
	}
}

func TestGetTriesAgainWithinItsLimits(t *testing.T) {
	throttled := refuses(400, "ThrottlingException", "Rate exceeded")
	broken := refuses(500, "InternalServiceError", "An error occurred on the server side.")
	unavailable := answers(503, "<html>Service Unavailable</html>")
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	denied := refuses(400, "AccessDeniedException", "no")
	for _, test := range []struct {
		name     string
		script   []http.HandlerFunc
		attempts int
		ok       bool
	}{
		{"throttled once", []http.HandlerFunc{throttled, stored}, 2, true},
		{"down once, then throttled", []http.HandlerFunc{unavailable, throttled, stored}, 3, true},
		{"hangs once", []http.HandlerFunc{hangs, stored}, 2, true},
		{"throttled", []http.HandlerFunc{throttled}, 3, false},
		{"broken", []http.HandlerFunc{broken}, 3, false},
		{"down", []http.HandlerFunc{unavailable}, 3, false},
		{"hangs", []http.HandlerFunc{hangs}, 3, false},
		{"denied", []http.HandlerFunc{denied}, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{script: test.script}
				s := session.NewSecretsManager(newClient("http://secrets.test", inMemory{w}))
				start := time.Now()
				_, err := s.Get(t.Context(), shared, "AWSCURRENT")
				if (err == nil) != test.ok || errors.Is(err, session.ErrNoSecret) || errors.Is(err, session.ErrMalformed) {
					t.Errorf("Get() = %v, want success: %t", err, test.ok)
				}
				if took := time.Since(start); took > 4200*time.Millisecond {
					t.Errorf("Get() took %v, want at most 4.2s", took)
				}
				if w.attempts() != test.attempts {
					t.Errorf("Get() made %d attempts, want %d", w.attempts(), test.attempts)
				}
			})
		})
	}
}

func TestGetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{script: []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}}
		s := session.NewSecretsManager(newClient("http://secrets.test", inMemory{w}))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := s.Get(ctx, shared, "AWSCURRENT"); err == nil {
			t.Error("Get() = nil, want an error")
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("Get() took %v, want 300ms", took)
		}
		if w.attempts() != 1 {
			t.Errorf("Get() made %d attempts, want 1", w.attempts())
		}
	})
}

func TestGetSurvivesAConnectionThatDied(t *testing.T) {
	w := &wire{script: []http.HandlerFunc{
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		stored,
	}}
	got, err := overNetwork(t, w).Get(t.Context(), shared, "AWSCURRENT")
	if err != nil || got.Value != firstKey {
		t.Errorf("Get() = %v, %v, want the key", got, err)
	}
}

func TestGetOfAStoreThatIsNotThereIsNoMissingSecret(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := session.NewSecretsManager(newClient(server.URL, server.Client()))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Get(ctx, shared, "AWSCURRENT"); err == nil || errors.Is(err, session.ErrNoSecret) {
		t.Errorf("Get() = %v, want another error than ErrNoSecret", err)
	}
}

func TestKeysWorkOverTheSDK(t *testing.T) {
	before := runtime.NumGoroutine()
	missing := refuses(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	w := &wire{script: []http.HandlerFunc{stored, missing}}
	server := httptest.NewServer(w)
	client := server.Client()
	keys := session.New(session.NewSecretsManager(newClient(server.URL, client)), session.Options{Secret: own})
	if err := keys.Check(t.Context(), "one", firstKey); err != nil {
		t.Errorf("Check() = %v, want nil", err)
	}
	if err := keys.Check(t.Context(), "two", firstKey); !errors.Is(err, session.ErrDenied) {
		t.Errorf("Check() without a secret = %v, want ErrDenied", err)
	}
	client.CloseIdleConnections()
	server.Close()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines after, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}
