package uploads_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
)

// stack is the function with a real S3 server and the local secret store.
type stack struct {
	*local.Stack
	function *function.App
	log      lockedBuffer
}

func startStack(t *testing.T, env map[string]string) *stack {
	t.Helper()
	s := new(stack)
	s.Stack = localtest.Start(t, local.Options{
		Getenv: func(name string) string { return env[name] },
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			settings, err := uploadfunction.ParseSettings(getenv)
			if err != nil {
				return nil, err
			}
			s.function = uploadfunction.New(cfg, settings, slog.New(slog.NewJSONHandler(&s.log, nil)))
			return s.function, nil
		},
	})
	return s
}

// lockedBuffer is a buffer for a logger.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// answer is what the contract says that an upload answers.
type answer struct {
	Detail        json.RawMessage `json:"detail"`
	FileURLs      []string        `json:"file_urls"`
	SkippedFiles  []string        `json:"skipped_files"`
	UploadedFiles []string        `json:"uploaded_files"`
	Files         []struct {
		Name, Key, URL, SHA256 string
		Size                   int64
	} `json:"files"`
	Skipped []struct{ Name, Code, Reason string } `json:"skipped"`
}

type namedFile struct {
	name    string
	content []byte
}

func request(t testing.TB, url, key string, files ...namedFile) (*http.Request, []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreateFormFile("files", f.name)
		if err == nil {
			_, err = part.Write(f.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("X-Session-API-Key", key)
	return r, b.Bytes()
}

// send uploads files by HTTP, through the stand-in for API Gateway.
func (s *stack) send(t *testing.T, conversation string, files ...namedFile) (int, answer) {
	t.Helper()
	r, _ := request(t, s.URL+"/api/conversations/"+conversation+"/upload-files", s.SecretValue, files...)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, decode(t, body)
}

func decode(t *testing.T, body []byte) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("the answer %.200q is not the contract's: %v", body, err)
	}
	return a
}

// fetch returns the SHA-256 of what a URL gives, and its headers.
func fetch(t *testing.T, url string) (sum string, header http.Header) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s is answered %d, %v: %.200s", url, response.StatusCode, err, body)
	}
	return hexSum(body), response.Header
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
