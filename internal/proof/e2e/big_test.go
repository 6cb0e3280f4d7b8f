package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// bigVariable is the environment variable that says how many bytes the big file
// has. The disk of the temporary folder needs three times as many.
const bigVariable = "E2E_BIG_BYTES"

// bigSize is its size where nothing is said: more than a process may have in
// memory, and more than 31 bits count.
const bigSize = 2<<30 + 12345

// bigGrowth is how much memory a process may take more than before. A part alone
// has more.
const bigGrowth = 48 << 20

const bigPart = 64 << 20

// A file of any size goes through the direct lane, and neither the functions nor
// the S3 server hold it in memory. It is sent and fetched as a stream.
func TestBigFileComesBackAsItWasAndMemoryStaysFlat(t *testing.T) {
	if stack.Deployed {
		t.Skipf("the big file is for the local stack, not for %s", stack.Name)
	}
	if testing.Short() {
		t.Skip("it sends gigabytes")
	}
	size := int64(bigSize)
	if text := os.Getenv(bigVariable); text != "" {
		var err error
		if size, err = strconv.ParseInt(text, 10, 64); err != nil || size < 1 {
			t.Fatalf("%s is %q: write a number of bytes", bigVariable, text)
		}
	}
	// Putting the parts together takes the time of writing them once more.
	short := localTimeout
	localTimeout = 28 * time.Second
	t.Cleanup(func() { localTimeout = short })
	id := conversation(t)
	processes := map[string]int{"the functions": os.Getpid(), "the S3 server": s3Process(t)}
	upload(t, id, file{"warm.txt", []byte("so that what is taken once is taken")})
	before := map[string]int64{}
	for name, pid := range processes {
		before[name] = peakMemory(t, pid)
	}

	var seed [32]byte
	copy(seed[:], id)
	source, sum := rand.NewChaCha8(seed), sha256.New()
	u := beginWith(t, id, "film.mp4", size, "")
	var parts []part
	for sent := int64(0); sent < size; sent += bigPart {
		n := min(bigPart, size-sent)
		parts = append(parts, u.stream(t, len(parts)+1, io.TeeReader(io.LimitReader(source, n), sum), n))
	}
	got := completeBig(t, u, parts)
	if f := got.Files[0]; f.Size != size || f.SHA256 != "" {
		t.Errorf("receipt of %d bytes with the hash %q, want %d without one: none was declared", f.Size, f.SHA256, size)
	}
	location := call(t, "GET", id, "files/film.mp4", nil).header.Get("Location")
	if fetched := sumOf(t, location); fetched != hex.EncodeToString(sum.Sum(nil)) {
		t.Errorf("other bytes come back: their hash is %s, want %x", fetched, sum.Sum(nil))
	}
	callFor(t, http.StatusNoContent, nil, "DELETE", id, "files/film.mp4", nil) // it takes the disk

	for name, pid := range processes {
		after := peakMemory(t, pid)
		t.Logf("%s: at most %d MB, %d MB before", name, after>>20, before[name]>>20)
		if after > before[name]+bigGrowth {
			t.Errorf("%s took %d MB at most, %d MB before: a file of %d bytes is held in memory", name, after>>20, before[name]>>20, size)
		}
	}
}

// completeBig completes as clients do: again, where putting the parts together
// takes longer than an answer may. Meanwhile the S3 server knows neither of the
// upload nor of the file.
func completeBig(t *testing.T, u parted, parts []part) receipt {
	t.Helper()
	late := false
	for range 60 {
		got := u.complete(t, parts...)
		late = late || got.status == http.StatusServiceUnavailable
		if !late || got.status == http.StatusOK {
			break
		}
		t.Logf("complete: status %d, %s", got.status, bytes.TrimSpace(got.body))
		time.Sleep(time.Second)
	}
	return u.completed(t, parts...)
}

// sumOf is the SHA-256 of what a URL has.
func sumOf(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, error %v", response.StatusCode, err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// s3Process is the S3 server of the local stack.
func s3Process(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(localDir, "versitygw.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most memory in bytes that a process has had so far
// (https://man7.org/linux/man-pages/man5/proc_pid_status.5.html), and zero where
// the system does not tell.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("this system does not tell how much memory a process has had")
		return 0
	}
	match := highWater.FindSubmatch(text)
	if err != nil || match == nil {
		t.Fatalf("status of process %d: %v\n%s", pid, err, text)
	}
	kilobytes, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
