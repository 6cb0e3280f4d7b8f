package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
)

// archive is one that the files function made, and what is in it.
type archive struct {
	title string
	path  string
	sums  map[string][32]byte // by name
}

// file is one to be sent.
type file struct {
	name    string
	content []byte
}

// inline are files that come by upload-files.
func inline() []file {
	lines := func(size int) []byte {
		var b bytes.Buffer
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, "line %d,%d,of a table\n", i, i*i)
		}
		return b.Bytes()
	}
	return []file{
		{"empty.txt", nil},
		{"empty.png", nil},
		{"notes.txt", []byte("short\n")},
		{"folder/deep/inner.txt", lines(20_000)},
		{"日本語 🎉.txt", lines(5_000)},
		{"résumé é.bin", noise(70_000)},
		{"a name with 'quotes' & more.md", lines(500)},
		{"photo.png", append([]byte("\x89PNG\r\n\x1a\n"), noise(300_000)...)},
		{"streamed.zip", streamed()},
		{"table.csv", lines(2_000_000)},
		{"largest.bin", noise(4 << 20)},
	}
}

// noise is what no compression makes smaller, the same each time.
func noise(size int) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	_, _ = source.Read(data)
	return data
}

// streamed is an archive with sizes behind the bytes, for which readers look that
// cannot know where an entry ends.
func streamed() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 4 {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: fmt.Sprint(i, ".bin"), Method: zip.Store})
		if err == nil {
			_, err = entry.Write(noise(100_000 + i))
		}
		if err != nil {
			panic(err) // a bytes.Buffer takes all
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// makeArchives runs a stack in a new folder, sends files to it, and fetches the
// archives of two conversations. In the second there are large files whose CRC-32
// nobody has said.
func makeArchives(ctx context.Context, dir, to string) ([]archive, error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	stack, err := local.Start(ctx, local.Options{
		Dir: dir,
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			settings, err := uploadfunction.ParseSettings(getenv)
			return uploadfunction.New(cfg, settings, slog.New(slog.DiscardHandler)), err
		},
		Files: func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
			settings, err := filesfunction.ParseSettings(getenv)
			return filesfunction.New(cfg, settings, slog.New(slog.DiscardHandler)), err
		},
	})
	if err != nil {
		return nil, err
	}
	defer stack.Close()
	large := []file{
		{"film.mp4", append([]byte("\x00\x00\x00\x18ftypmp42"), noise(6<<20)...)},
		{"large.log", bytes.Repeat([]byte("2026-01-02 03:04:05 a line of a log\n"), 200_000)},
	}
	var archives []archive
	for _, isKnown := range []bool{true, false} {
		c := client{stack.URL + "/api/conversations/known/", stack.SecretValue}
		a := archive{title: "all CRC-32s known", path: filepath.Join(to, "known.zip")}
		if !isKnown {
			c.base = stack.URL + "/api/conversations/unknown/"
			a = archive{title: "large files of unknown CRC-32", path: filepath.Join(to, "unknown.zip")}
		}
		a.sums, err = c.fill(ctx, inline(), large, isKnown)
		if err == nil {
			err = c.fetch(ctx, a.path)
		}
		if err != nil {
			return nil, err
		}
		archives = append(archives, a)
	}
	return archives, nil
}

// client speaks to one conversation.
type client struct{ base, key string }

// fill sends files both ways, and returns the hashes of what is stored by name.
func (c client) fill(ctx context.Context, inline, large []file, sayCRC32 bool) (map[string][32]byte, error) {
	sums := map[string][32]byte{}
	for _, f := range inline {
		name, err := c.upload(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("upload %s: %w", f.name, err)
		}
		sums[name] = sha256.Sum256(f.content)
	}
	for _, f := range large {
		name, err := c.put(ctx, f, sayCRC32)
		if err != nil {
			return nil, fmt.Errorf("put %s: %w", f.name, err)
		}
		sums[name] = sha256.Sum256(f.content)
	}
	return sums, nil
}

// upload sends a file by upload-files and returns its name.
func (c client) upload(ctx context.Context, f file) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("files", f.name)
	if err == nil {
		_, err = part.Write(f.content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return "", err
	}
	var answer struct {
		UploadedFiles []string `json:"uploaded_files"`
	}
	err = c.json(ctx, http.MethodPost, "upload-files", form.FormDataContentType(), &body, &answer)
	if err == nil && len(answer.UploadedFiles) != 1 {
		err = fmt.Errorf("%d files are stored, want 1", len(answer.UploadedFiles))
	}
	if err != nil {
		return "", err
	}
	return answer.UploadedFiles[0], nil
}

// put sends a file straight to S3 and returns its name.
func (c client) put(ctx context.Context, f file, sayCRC32 bool) (string, error) {
	sum := sha256.Sum256(f.content)
	query := url.Values{"filename": {f.name}, "size": {strconv.Itoa(len(f.content))}, "sha256": {hex.EncodeToString(sum[:])}}
	if sayCRC32 {
		query.Set("crc32", fmt.Sprintf("%08x", crc32.ChecksumIEEE(f.content)))
	}
	var signed struct {
		URL, Key string
		Headers  map[string]string
	}
	if err := c.json(ctx, http.MethodGet, "s3/params?"+query.Encode(), "", nil, &signed); err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, signed.URL, bytes.NewReader(f.content))
	if err != nil {
		return "", err
	}
	for name, value := range signed.Headers {
		request.Header.Set(name, value)
	}
	response, err := send(request)
	if err != nil {
		return "", err
	}
	return path.Base(signed.Key), response.Body.Close()
}

// fetch saves the archive of the conversation.
func (c client) fetch(ctx context.Context, to string) error {
	request, err := c.request(ctx, http.MethodGet, "zip", nil)
	if err != nil {
		return err
	}
	response, err := send(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, response.Body)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

func (c client) json(ctx context.Context, method, path, contentType string, body io.Reader, answer any) error {
	request, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := send(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

func (c client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err == nil {
		request.Header.Set("X-Session-API-Key", c.key)
	}
	return request, err
}

// send takes an answer of 200 for the only good one.
func send(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		_ = response.Body.Close()
		return nil, fmt.Errorf("status %d: %s", response.StatusCode, strings.TrimSpace(string(text)))
	}
	return response, nil
}
