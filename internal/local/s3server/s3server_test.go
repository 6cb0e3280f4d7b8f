package s3server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"uploadfiles/internal/local/s3server"
)

const bucket = "uploads"

func config(secret string) aws.Config {
	return aws.Config{
		Region:           "us-east-1",
		Credentials:      credentials.NewStaticCredentialsProvider("AKIATEST", secret, ""),
		RetryMaxAttempts: 1, // a retry would hide a lost answer
	}
}

// options are those of a server in a folder whose name has a space.
func options(t *testing.T) s3server.Options {
	t.Helper()
	program, err := s3server.Build(t.Context(), "../../..", t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return s3server.Options{
		Program: program,
		Dir:     filepath.Join(t.TempDir(), "local state"),
		Bucket:  bucket,
		AWS:     config("secret"),
		Origins: []string{"http://localhost:3000"},
		Notify:  t.Logf,
	}
}

func start(t *testing.T, o s3server.Options) *s3server.Server {
	t.Helper()
	server, err := s3server.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func client(server *s3server.Server, cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = &server.Endpoint
		o.UsePathStyle = true
	})
}

func create(ctx context.Context, c *s3.Client, key string, data []byte) error {
	sum := sha256.Sum256(data)
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket:         aws.String(bucket),
		Key:            &key,
		Body:           bytes.NewReader(data),
		IfNoneMatch:    aws.String("*"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	})
	return err
}

func get(ctx context.Context, c *s3.Client, key string) ([]byte, error) {
	out, err := c.GetObject(ctx, &s3.GetObjectInput{
		Bucket:       aws.String(bucket),
		Key:          &key,
		ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

// status is the HTTP status of an error, or 0 if there was no answer.
func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func TestOneOfManyWritersOfAKeyWins(t *testing.T) {
	server := start(t, options(t))
	c := client(server, config("secret"))
	// Bodies of more than 256 KiB are those whose refusal versitygw cuts off.
	for _, size := range []int{1, 300 << 10, 4 << 20} {
		key := "conversations/a/" + strconv.Itoa(size)
		var winners sync.Map
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				data := make([]byte, size)
				rand.Read(data)
				switch err := create(t.Context(), c, key, data); {
				case err == nil:
					winners.Store(string(data), true)
				case status(err) != http.StatusPreconditionFailed:
					t.Errorf("%d bytes: %v, want 412", size, err)
				}
			})
		}
		all.Wait()
		got, err := get(t.Context(), c, key)
		if err != nil {
			t.Fatal(err)
		}
		var won []string
		winners.Range(func(data, _ any) bool { won = append(won, data.(string)); return true })
		if len(won) != 1 || won[0] != string(got) {
			t.Errorf("%d bytes: %d writers won; what is stored is a winner's: %v", size, len(won), len(won) > 0 && won[0] == string(got))
		}
	}
}

func TestFilesSurviveARestart(t *testing.T) {
	o := options(t)
	server := start(t, o)
	if err := create(t.Context(), client(server, o.AWS), "a/日本 語~.txt", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	presigned, err := s3.NewPresignClient(client(server, o.AWS)).PresignGetObject(t.Context(), &s3.GetObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("a/日本 語~.txt"),
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Close()

	o.Port = server.Port
	start(t, o)
	response, err := http.Get(presigned.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || string(body) != "kept" {
		t.Errorf("the URL of before the restart = %d %q, want the file", response.StatusCode, body)
	}
}

func TestSignaturesAreChecked(t *testing.T) {
	o := options(t)
	server := start(t, o)
	if err := create(t.Context(), client(server, o.AWS), "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := create(t.Context(), client(server, config("wrong")), "a/c", []byte("x")); status(err) != http.StatusForbidden {
		t.Errorf("a write with a wrong key = %v, want 403", err)
	}
	sign := s3.NewPresignClient(client(server, o.AWS))
	presigned := func(life time.Duration) string {
		t.Helper()
		r, err := sign.PresignGetObject(t.Context(), &s3.GetObjectInput{
			Bucket: aws.String(bucket), Key: aws.String("a/b"),
			ResponseContentDisposition: aws.String("attachment"),
		}, s3.WithPresignExpires(life))
		if err != nil {
			t.Fatal(err)
		}
		return r.URL
	}
	good, short := presigned(time.Minute), presigned(time.Second)
	time.Sleep(2 * time.Second) // the shortest life that S3 knows
	tests := []struct {
		name, method, url string
		want              int
	}{
		{"as signed", "GET", good, 200},
		{"expired", "GET", short, 403},
		{"unsigned", "GET", server.Endpoint + "/" + bucket + "/a/b", 403},
		{"another method", "DELETE", good, 403},
		{"another key", "GET", strings.Replace(good, "/a/b", "/a/c", 1), 403},
		{"another disposition", "GET", strings.Replace(good, "attachment", "inline", 1), 403},
		{"another host", "GET", strings.Replace(good, "127.0.0.1", "localhost", 1), 403},
	}
	for _, test := range tests {
		request, _ := http.NewRequest(test.method, test.url, nil)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s: %d, want %d", test.name, response.StatusCode, test.want)
		}
	}
}

// A presigned request names no hash of its body.
func TestABodyThatBreaksOffIsNotKept(t *testing.T) {
	o := options(t)
	server := start(t, o)
	c := client(server, o.AWS)
	signed, err := s3.NewPresignClient(c).PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String("cut")})
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(signed.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", address.RequestURI(), address.Host, 2<<20)
	conn.Write(make([]byte, 1<<20))
	conn.(*net.TCPConn).CloseWrite()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && answer.StatusCode < 300 {
		t.Errorf("half a body is answered %s", answer.Status)
	}
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String("cut")})
	if missing := (*types.NotFound)(nil); !errors.As(err, &missing) {
		t.Errorf("half a body is kept: HeadObject = %v", err)
	}
}

func TestAKilledServerComesBackWithItsFiles(t *testing.T) {
	o := options(t)
	told := make(chan string, 10)
	o.Notify = func(format string, _ ...any) { told <- format }
	server := start(t, o)
	c := client(server, o.AWS)
	if err := create(t.Context(), c, "a/before", []byte("before")); err != nil {
		t.Fatal(err)
	}
	pid, err := os.ReadFile(filepath.Join(o.Dir, "versitygw.pid"))
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(pid)))
	syscall.Kill(n, syscall.SIGKILL)
	if line := <-told; !strings.Contains(line, "Starting it again") {
		t.Errorf("the user was told %q", line)
	}
	for i := range 500 {
		err := create(t.Context(), c, "a/after", []byte("after"))
		if err == nil || status(err) == http.StatusPreconditionFailed && i > 0 {
			break
		}
		if s := status(err); s != 0 && s != http.StatusServiceUnavailable {
			t.Fatalf("while the server was down: %v, want 503 or no answer", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, key := range []string{"before", "after"} {
		if data, err := get(t.Context(), c, "a/"+key); string(data) != key {
			t.Errorf("file %q = %q, %v", key, data, err)
		}
	}
}

func TestThePortOfAnotherIsReported(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	o := options(t)
	o.Port = other.Addr().(*net.TCPAddr).Port
	if _, err := s3server.Start(t.Context(), o); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Start on another's port = %v, want EADDRINUSE", err)
	}
}

func TestPagesOfOurOriginsMayUseTheBucket(t *testing.T) {
	o := options(t)
	server := start(t, o)
	tests := []struct {
		origin, want string
	}{
		{"http://localhost:3000", "http://localhost:3000"},
		{"https://elsewhere.example", ""},
	}
	for _, test := range tests {
		request, _ := http.NewRequest(http.MethodOptions, server.Endpoint+"/"+bucket+"/a/b", nil)
		request.Header.Set("Origin", test.origin)
		request.Header.Set("Access-Control-Request-Method", http.MethodPut)
		request.Header.Set("Access-Control-Request-Headers", "content-type,if-none-match")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != test.want {
			t.Errorf("preflight from %s allows %q, want %q", test.origin, got, test.want)
		}
	}
	server.Close()
	o.Origins = nil
	start(t, o) // takes the origins back, which must not fail where there are none
	start2 := o
	start2.Dir = filepath.Join(t.TempDir(), "fresh")
	start(t, start2)
}

func TestAFolderGoesOnWithItsSidecar(t *testing.T) {
	o := options(t)
	sidecar := filepath.Join(o.Dir, "sidecar")
	if err := os.MkdirAll(sidecar, 0o700); err != nil {
		t.Fatal(err)
	}
	c := client(start(t, o), o.AWS)
	if err := create(t.Context(), c, "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if data, err := get(t.Context(), c, "a/b"); string(data) != "x" {
		t.Errorf("get = %q, %v", data, err)
	}
	if kept, _ := os.ReadDir(filepath.Join(sidecar, bucket)); len(kept) == 0 {
		t.Error("nothing was written to the sidecar")
	}
}

func TestAServerThatCannotRunIsReported(t *testing.T) {
	o := options(t)
	o.Program = "/bin/false"
	_, err := s3server.Start(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "versitygw.log") {
		t.Errorf("Start of a program that ends at once = %v, want the place of its log", err)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.pid")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

func TestStartCanBeCancelled(t *testing.T) {
	o := options(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s3server.Start(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Start with a cancelled context = %v", err)
	}
}
