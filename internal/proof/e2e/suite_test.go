package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"uploadfiles/internal/proof/e2e"
	"uploadfiles/internal/proof/e2e/relay"
)

// stack is the one under test.
var stack e2e.Stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if text := os.Getenv(e2e.Variable); text != "" {
		stack, err = e2e.Decode(text)
	} else {
		var end func()
		stack, end, err = startLocal()
		defer end()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: stack.AccessKeyID, SecretAccessKey: stack.SecretAccessKey}, nil
})

// bucket is a client of the stack's S3, as an operator's.
func bucket() *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &stack.S3, Region: stack.Region, UsePathStyle: true, Credentials: credentials})
}

func secrets() *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{BaseEndpoint: &stack.Secrets, Region: stack.Region, Credentials: credentials})
}

// sessionKey reads the key that opens every conversation.
func sessionKey(t *testing.T) string {
	t.Helper()
	value, err := secrets().GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &stack.SecretID})
	if err != nil {
		t.Fatal(err)
	}
	return *value.SecretString
}

// conversation is one that no other test and no other run has.
func conversation(t *testing.T) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r < 'A' || r > 'z' || r > 'Z' && r < 'a' {
			return '-'
		}
		return r
	}, t.Name())
	return fmt.Sprintf("%.60s-%s", name, rand.Text())
}

type file struct {
	name    string
	content []byte
}

// An answer is what the upload operation says.
type answer struct {
	status int
	header http.Header
	body   []byte

	FileURLs      []string `json:"file_urls"`
	SkippedFiles  []string `json:"skipped_files"`
	UploadedFiles []string `json:"uploaded_files"`
	Files         []struct {
		Name        string    `json:"name"`
		Key         string    `json:"key"`
		URL         string    `json:"url"`
		Size        int64     `json:"size"`
		ContentType string    `json:"content_type"`
		SHA256      string    `json:"sha256"`
		ExpiresAt   time.Time `json:"expires_at"`
	} `json:"files"`
}

// form packs files as a browser does.
func form(t *testing.T, files ...file) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name="files"; filename="%s"`, f.name)},
			"Content-Type":        {"application/octet-stream"},
		})
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
	return b.Bytes(), w.FormDataContentType()
}

// send uploads files with these session keys, of which there should be one.
func send(t *testing.T, conversation string, keys []string, files ...file) answer {
	t.Helper()
	got, err := trySend(t, conversation, keys, files...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// trySend may be called by any goroutine.
func trySend(t *testing.T, conversation string, keys []string, files ...file) (answer, error) {
	body, contentType := form(t, files...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, uploadURL(conversation), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header["X-Session-API-Key"] = keys
	return do(r)
}

func uploadURL(conversation string) string {
	return stack.API + "/api/conversations/" + conversation + "/upload-files"
}

// client follows no redirects: where the API leads is what is tested.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func do(r *http.Request) (answer, error) {
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	got := answer{status: response.StatusCode, header: response.Header}
	if got.body, err = io.ReadAll(response.Body); err != nil {
		return answer{}, err
	}
	if got.status == http.StatusOK && r.Method == http.MethodPost {
		err = json.Unmarshal(got.body, &got)
	}
	return got, err
}

// upload uploads files and fails unless each is stored.
func upload(t *testing.T, conversation string, files ...file) answer {
	t.Helper()
	got := send(t, conversation, []string{sessionKey(t)}, files...)
	if got.status != http.StatusOK || len(got.Files) != len(files) {
		t.Fatalf("upload of %d files: status %d, body %.500s", len(files), got.status, got.body)
	}
	return got
}

// fetch gets what a URL has, as a client does: without credentials.
func fetch(t *testing.T, url string) (status int, header http.Header, body []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, body
}

// stored returns the sorted keys of a conversation in the bucket, without what
// all of them begin with.
func stored(t *testing.T, conversation string) []string {
	t.Helper()
	folder := stack.Prefix + conversation + "/"
	var names []string
	pages := s3.NewListObjectsV2Paginator(bucket(), &s3.ListObjectsV2Input{Bucket: &stack.Bucket, Prefix: &folder})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			names = append(names, strings.TrimPrefix(*object.Key, folder))
		}
	}
	slices.Sort(names)
	return names
}

func random(t *testing.T, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	rand.Read(content) // never fails: https://pkg.go.dev/crypto/rand#Read
	return content
}

// control tells the stack to put a fault in.
func control(t *testing.T, path string) {
	t.Helper()
	response, err := http.Post(stack.Control+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %s", path, response.StatusCode, text)
	}
}

// fault puts a service into a mode until it is mended, or the test ends.
func fault(t *testing.T, service string, mode relay.Mode) {
	t.Helper()
	control(t, "/"+service+"/"+string(mode))
	t.Cleanup(func() { mend(t, service) })
}

func mend(t *testing.T, service string) {
	t.Helper()
	control(t, "/"+service+"/"+string(relay.Up))
}

// functionLog returns all that the functions have logged.
func functionLog(t *testing.T) string {
	t.Helper()
	_, _, text := fetch(t, stack.Control+"/function/log")
	return string(text)
}
