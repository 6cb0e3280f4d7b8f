package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
)

type function func(ctx context.Context, event []byte) ([]byte, error)

func (f function) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

func always(f function) func(aws.Config, func(string) string) (gateway.Function, error) {
	return func(aws.Config, func(string) string) (gateway.Function, error) { return f, nil }
}

func ok(context.Context, []byte) ([]byte, error) {
	return []byte(`{"statusCode":200,"body":"ok"}`), nil
}

// storing is a small function of the real kind: it puts the request's path into
// the bucket that its environment names, under the session key.
func storing(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
	store := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = aws.String(getenv("AWS_ENDPOINT_URL_S3"))
		o.UsePathStyle = true
	})
	secrets := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		o.BaseEndpoint = aws.String(getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER"))
	})
	return function(func(ctx context.Context, payload []byte) ([]byte, error) {
		var event struct{ Path string }
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, err
		}
		secret, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
			SecretId: aws.String(getenv("SESSION_KEY_SECRET")),
		})
		if err != nil {
			return nil, err
		}
		_, err = store.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(getenv("UPLOAD_BUCKET")), Key: secret.SecretString, Body: strings.NewReader(event.Path),
		})
		return []byte(`{"statusCode":201}`), err
	}), nil
}

func read(t *testing.T, s *local.Stack, key string) (string, error) {
	t.Helper()
	client := s3.NewFromConfig(s.AWS, func(o *s3.Options) {
		o.BaseEndpoint = &s.S3Endpoint
		o.UsePathStyle = true
	})
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	data, err := io.ReadAll(out.Body)
	return string(data), err
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestAFunctionFindsItsServicesAndKeepsItsFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a folder")
	first := localtest.Start(t, local.Options{Dir: dir, Function: storing})
	if status, _ := get(t, first.URL+"/some/path"); status != http.StatusCreated {
		t.Fatalf("the function answered %d, want 201", status)
	}
	if got, err := read(t, first, first.SecretValue); got != "/some/path" {
		t.Errorf("stored %q, %v", got, err)
	}
	first.Close()

	second := localtest.Start(t, local.Options{Dir: dir, Function: storing})
	if second.S3Endpoint != first.S3Endpoint || second.SecretValue != first.SecretValue {
		t.Errorf("the second run has S3 at %s with key %q, the first had %s with %q",
			second.S3Endpoint, second.SecretValue, first.S3Endpoint, first.SecretValue)
	}
	if got, err := read(t, second, first.SecretValue); got != "/some/path" {
		t.Errorf("of the first run's file is left %q, %v", got, err)
	}
	for _, name := range []string{"s3.json", "secrets.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", name, info.Mode(), err)
		}
	}
}

func TestTheUsersSettingsReachTheFunctionButItsAddressesDoNot(t *testing.T) {
	user := map[string]string{
		"MAX_FILE_SIZE":                    "5",
		"UPLOAD_BUCKET":                    "my-bucket",
		"SESSION_KEY_SECRET":               "keys/{conversation_id}",
		"AWS_ENDPOINT_URL_S3":              "https://production.example",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://production.example",
		"AWS_LAMBDA_FUNCTION_NAME":         "production",
		"AWS_PROFILE":                      "production",
	}
	var getenv func(string) string
	stack := localtest.Start(t, local.Options{
		Getenv: func(name string) string { return user[name] },
		Function: func(_ aws.Config, env func(string) string) (gateway.Function, error) {
			getenv = env
			return function(ok), nil
		},
	})
	want := map[string]string{
		"MAX_FILE_SIZE":                    "5",
		"UPLOAD_BUCKET":                    "my-bucket",
		"SESSION_KEY_SECRET":               "keys/{conversation_id}",
		"SESSION_KEY_CACHE":                "2s",
		"AWS_ENDPOINT_URL_S3":              stack.S3Endpoint,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": stack.SecretsEndpoint,
	}
	for name := range user {
		if got := getenv(name); got != want[name] {
			t.Errorf("%s is %q for the function, want %q", name, got, want[name])
		}
	}
	if text, _ := os.ReadFile(stack.SecretsFile); !bytes.Contains(text, []byte(`"keys/demo"`)) {
		t.Errorf("no key was made for the conversation demo: %s", text)
	}
	if stack.Bucket != "my-bucket" {
		t.Errorf("bucket %q", stack.Bucket)
	}
}

func TestAFolderHasOneStackAtATime(t *testing.T) {
	dir := t.TempDir()
	stack := localtest.Start(t, local.Options{Dir: dir, Function: always(ok)})
	_, err := local.Start(t.Context(), local.Options{Dir: dir, Function: always(ok)})
	var running *local.RunningError
	want := fmt.Sprintf("process %d, %s", os.Getpid(), stack.URL)
	if !errors.As(err, &running) || running.Stack != want {
		t.Errorf("a second stack = %v, want one that is running: %s", err, want)
	}
	if status, _ := get(t, stack.URL); status != http.StatusOK {
		t.Errorf("the first stack now answers %d", status)
	}
}

func TestAPortInUseIsNamedWithItsSetting(t *testing.T) {
	tests := []struct {
		name, address string
		options       func(port int) local.Options
		setting       string
	}{
		{"gateway", "127.0.0.1:0", func(p int) local.Options { return local.Options{Port: p, Function: always(ok)} }, "PORT"},
		{"gateway by IPv6", "[::1]:0", func(p int) local.Options { return local.Options{Port: p, Function: always(ok)} }, "PORT"},
		{"S3", "127.0.0.1:0", func(p int) local.Options { return local.Options{S3Port: p} }, "S3_PORT"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			other, err := net.Listen("tcp", test.address)
			if err != nil {
				t.Skip("this machine has no such address: ", err)
			}
			defer other.Close()
			port := other.Addr().(*net.TCPAddr).Port
			o := test.options(port)
			o.Dir = t.TempDir()
			_, err = local.Start(t.Context(), o)
			var taken *local.PortError
			if !errors.As(err, &taken) || *taken != (local.PortError{Port: port, Setting: test.setting}) {
				t.Errorf("Start = %v, want port %d in use, setting %s", err, port, test.setting)
			}
			noProcess(t, o.Dir)
		})
	}
}

// noProcess checks that the folder is free and its S3 server is gone.
func noProcess(t *testing.T, dir string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(dir, "*.pid")); len(left) > 0 {
		t.Errorf("a process is left: %v", left)
	}
	stack, err := local.Start(t.Context(), local.Options{Dir: dir})
	if err != nil {
		t.Errorf("the folder cannot be used again: %v", err)
		return
	}
	stack.Close()
}

func TestTheS3PortOfTheLastRunIsKept(t *testing.T) {
	dir := t.TempDir()
	free := func() int {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().(*net.TCPAddr).Port
	}
	first, asked := free(), free()
	for _, run := range []struct{ s3Port, firstS3Port, want int }{
		{0, first, first},
		{asked, first, asked},
		{0, first, asked},
	} {
		stack := localtest.Start(t, local.Options{Dir: dir, S3Port: run.s3Port, FirstS3Port: run.firstS3Port})
		if want := "http://127.0.0.1:" + strconv.Itoa(run.want); stack.S3Endpoint != want {
			t.Errorf("asked for port %d: S3 is at %s, want %s", run.s3Port, stack.S3Endpoint, want)
		}
		stack.Close()
	}
}

func TestLocalhostIsServedByBothOfItsAddresses(t *testing.T) {
	stack := localtest.Start(t, local.Options{Function: always(ok)})
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if probe, err := net.Listen("tcp", "[::1]:0"); err == nil {
			probe.Close()
		} else if host == "[::1]" {
			continue
		}
		if status, body := get(t, strings.Replace(stack.URL, "localhost", host, 1)); status != http.StatusOK || body != "ok" {
			t.Errorf("%s answers %d %q", host, status, body)
		}
	}
}

func TestTheStacksOwnRoutesGoBeforeTheFunction(t *testing.T) {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /docs/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "docs") })
	stack := localtest.Start(t, local.Options{Function: always(ok), Routes: routes})
	for path, want := range map[string]string{
		"/docs/x":       "docs",
		"/":             "ok",
		"/api//a/../b/": "ok", // no redirect to a cleaned path
	} {
		if status, body := get(t, stack.URL+path); status != http.StatusOK || body != want {
			t.Errorf("%s = %d %q, want 200 %q", path, status, body, want)
		}
	}
}

func TestCloseLeavesNothingEvenInTheMiddleOfARequest(t *testing.T) {
	dir := t.TempDir()
	inside := make(chan struct{})
	stack := localtest.Start(t, local.Options{Dir: dir, Function: always(func(ctx context.Context, _ []byte) ([]byte, error) {
		close(inside)
		<-ctx.Done()
		return nil, ctx.Err()
	})})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stack.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	<-inside
	stack.Close()
	<-done
	for _, address := range []string{stack.URL, stack.S3Endpoint, stack.SecretsEndpoint} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s after Close: %v, want nobody there", address, err)
		}
		if conn != nil {
			conn.Close()
		}
	}
	noProcess(t, dir)
}

func TestAStartThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	failing := func(aws.Config, func(string) string) (gateway.Function, error) {
		return nil, errors.New("wrong settings")
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
		mend    func(t *testing.T, dir string)
		want    string
	}{
		{"the function", nothing, nothing, "wrong settings"},
		{"broken secrets", write("secrets.json", "{"), write("secrets.json", "{}"), "secrets.json: line 1"},
		{"broken S3 keys", write("s3.json", "{"), remove("s3.json"), "s3.json cannot be read: remove it"},
		{"no S3 keys", write("s3.json", "{}"), remove("s3.json"), "s3.json cannot be read: remove it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			test.prepare(t, dir)
			_, err := local.Start(t.Context(), local.Options{Dir: dir, Function: failing})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start = %v, want %q", err, test.want)
			}
			test.mend(t, dir)
			noProcess(t, dir)
		})
	}
}

func nothing(*testing.T, string) {}

func write(name, content string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartCanBeCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := local.Start(ctx, local.Options{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v, want context.Canceled", err)
	}
	noProcess(t, dir)
}

func TestNoStackOutsideTheRepository(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := local.Start(t.Context(), local.Options{Dir: "data"}); err == nil || !strings.Contains(err.Error(), "repository") {
		t.Errorf("Start = %v, want an error that names the repository", err)
	}
}
