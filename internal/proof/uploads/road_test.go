package uploads_test

import (
	"crypto/rand"
	"fmt"
	"mime"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

// realFiles are files of several kinds that the Go distribution ships.
func realFiles(t *testing.T) []namedFile {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []namedFile
	for _, pattern := range []string{
		"image/testdata/*.png", "image/testdata/*.jpeg", "image/testdata/*.gif",
		"archive/zip/testdata/*.zip", "debug/gosym/testdata/*.gz",
	} {
		paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no files match %s in the Go distribution: %v", pattern, err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, namedFile{filepath.Base(path), content})
		}
	}
	return files
}

func random(t *testing.T, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	return content
}

// From HTTP through the event, the function and S3, and back by the URL.
func TestFilesComeBackByteForByte(t *testing.T) {
	s := startStack(t, nil)
	fifty := make([]namedFile, 50)
	for i := range fifty {
		fifty[i] = namedFile{fmt.Sprintf("file %d.bin", i), random(t, i*100)}
	}
	tests := map[string][]namedFile{
		"of-the-go-distribution": realFiles(t),
		"large":                  {{"large.bin", random(t, 43<<20/10)}},
		"fifty":                  fifty,
		"names": {
			{"empty.txt", nil}, {"報告書 2026.txt", []byte("日本")}, {"تقرير.txt", []byte("عربي")},
			{"party 🎉.txt", []byte("🎉")}, {`quote " and \ back.txt`, []byte("1")}, {"100%.txt", []byte("2")},
		},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			status, got := s.send(t, name, files...)
			if status != http.StatusOK || len(got.Files) != len(files) || len(got.Skipped) != 0 {
				t.Fatalf("status %d, %d of %d files, skipped %v, %s", status, len(got.Files), len(files), got.Skipped, got.Detail)
			}
			for i, f := range files {
				sum, header := fetch(t, got.FileURLs[i])
				if want := hexSum(f.content); sum != want || got.Files[i].SHA256 != want {
					t.Errorf("%s: sent %s, fetched %s, answered %s", f.name, want, sum, got.Files[i].SHA256)
				}
				kind, params, err := mime.ParseMediaType(header.Get("Content-Disposition"))
				if err != nil || kind != "attachment" || params["filename"] != path.Base(got.UploadedFiles[i]) {
					t.Errorf("%s downloads as %s %q, %v; want attachment %q", f.name, kind, params["filename"], err, got.UploadedFiles[i])
				}
			}
		})
	}
}

// The handler that Lambda calls, from event JSON.
func TestEveryKindOfEventUploads(t *testing.T) {
	s := startStack(t, nil)
	content := random(t, 990_000) // a load balancer takes 1 MB
	for _, kind := range kinds {
		r, body := request(t, "https://api.example.com/api/conversations/"+string(kind)+"/upload-files", s.SecretValue,
			namedFile{"a.bin", content}, namedFile{"b.txt", []byte("b")})
		got := s.invoke(t, kind, r, body)
		if got.Status != http.StatusOK {
			t.Fatalf("%s: status %d: %s", kind, got.Status, got.Body)
		}
		files := decode(t, got.Body)
		if sum, _ := fetch(t, files.FileURLs[0]); sum != hexSum(content) {
			t.Errorf("%s: what comes back is not what was sent", kind)
		}
	}
}

var kinds = []lambdahttp.Kind{
	lambdahttp.REST, lambdahttp.HTTPAPI, lambdahttp.FunctionURL, lambdahttp.ALB, lambdahttp.ALBMultiValue,
}

func (s *stack) invoke(t *testing.T, kind lambdahttp.Kind, r *http.Request, body []byte) gateway.Answer {
	t.Helper()
	event, err := gateway.Event(kind, r, body, gateway.Options{BinaryTypes: []string{"*/*"}})
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.function.Invoke(t.Context(), event)
	if err != nil {
		t.Fatalf("%s: the function failed: %v", kind, err)
	}
	got, err := gateway.Decode(kind, response)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheLogHoldsNoSecret(t *testing.T) {
	s := startStack(t, nil)
	s.send(t, "log", namedFile{"a.txt", []byte("content-of-the-file")})
	s.send(t, "..", namedFile{"a.txt", []byte("content-of-the-file")})
	log := s.log.String()
	if n := strings.Count(log, "\n"); n != 2 {
		t.Errorf("%d lines for 2 requests:\n%s", n, log)
	}
	for _, secret := range []string{s.SecretValue, "X-Amz-Signature", "content-of-the-file"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
}
