package files_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/localtest"
)

// large is more than what is in memory before its entry begins, middle is not, and
// more than what is read ahead.
const (
	large  = 5<<20 + 1
	middle = 1 << 20
)

func random(t testing.TB, size int) []byte {
	t.Helper()
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	return data
}

// archive writes the archive of a conversation and reads it again.
func archive(t *testing.T, f *files.Files) (entries map[string]string, missing []files.Missing) {
	t.Helper()
	a, err := f.Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	missing, err = a.WriteTo(t.Context(), &out)
	if err != nil {
		t.Fatalf("WriteTo = %v", err)
	}
	if int64(out.Len()) > a.MaxSize() {
		t.Errorf("the archive has %d bytes, more than MaxSize, which is %d", out.Len(), a.MaxSize())
	}
	unzip(t, out.Bytes())
	read, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	entries = map[string]string{}
	for _, entry := range read.File {
		body, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Errorf("%s: %v", entry.Name, err)
		}
		if entry.NonUTF8 || entry.Mode() != 0o644 {
			t.Errorf("%s: not UTF-8 %t, mode %v", entry.Name, entry.NonUTF8, entry.Mode())
		}
		entries[entry.Name] = string(data)
	}
	return entries, missing
}

// unzip has the program that everybody has judge an archive, where it is there.
func unzip(t *testing.T, data []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive.zip")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	tested(t, path)
}

func tested(t *testing.T, path string) {
	t.Helper()
	program, err := exec.LookPath("unzip")
	if err != nil {
		t.Log("unzip is not there")
		return
	}
	if out, err := exec.CommandContext(t.Context(), program, "-tqq", path).CombinedOutput(); err != nil {
		t.Errorf("unzip -t: %v\n%s", err, out)
	}
}

func TestArchiveHoldsEveryFileAsItIs(t *testing.T) {
	want := map[string]string{
		"empty.txt": "", "日本 🎉.txt": strings.Repeat("text\n", 100_000), "é.bin": string(random(t, large)),
		"middle.bin": string(random(t, middle)), "middle.txt": strings.Repeat("middle\n", middle/7), "large.txt": strings.Repeat("large\n", large/6+1),
		"a.bin": string(random(t, 100)), "MISSING.txt": "a file of this name", "it's $(x) `y`.sh": "#!/bin/sh\n",
	}
	var m filestest.Memory
	for name, data := range want {
		contentType := "application/octet-stream"
		if strings.HasSuffix(name, ".txt") {
			contentType = "text/plain; charset=utf-8"
		}
		m.Put(filestest.Object{Key: dir + name, Data: []byte(data), ContentType: contentType, Verified: true})
	}
	f := newFiles(&m)
	got, missing := archive(t, f)
	if diff := cmp.Diff(want, got); diff != "" || missing != nil {
		t.Errorf("missing %v, entries (-want +got):\n%s", missing, diff)
	}
	if n := m.OpenBodies(); n != 0 {
		t.Errorf("%d bodies were not closed", n)
	}
	if n := m.Calls("head"); n != 0 {
		t.Errorf("%d questions before the bytes, which tell all themselves", n)
	}
}

func TestArchiveKeepsTimesAndCompressesText(t *testing.T) {
	var m filestest.Memory
	for name, contentType := range map[string]string{"text": "text/plain", "json": "application/json", "svg": "image/svg+xml", "png": "image/png", "none": ""} {
		m.Put(filestest.Object{Key: dir + name, Data: make([]byte, 10_000), ContentType: contentType})
	}
	a, err := newFiles(&m).Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := a.WriteTo(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	read, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range read.File {
		small := entry.CompressedSize64 < 1000
		if text := entry.Name != "png" && entry.Name != "none"; text != small {
			t.Errorf("%s takes %d bytes for 10,000", entry.Name, entry.CompressedSize64)
		}
		if want := time.Date(2026, 1, 2, 3, 4, 4, 0, time.UTC); !entry.Modified.Equal(want) {
			t.Errorf("%s is of %v, want %v", entry.Name, entry.Modified, want)
		}
	}
}

func TestArchiveOfNothingIsValid(t *testing.T) {
	a, err := newFiles(&filestest.Memory{}).Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if missing, err := a.WriteTo(t.Context(), &out); err != nil || missing != nil {
		t.Fatalf("WriteTo = %v, %v", missing, err)
	}
	if read, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len())); err != nil || len(read.File) != 0 {
		t.Errorf("the archive = %v, %v, want a valid one without entries", read, err)
	}
}

// What goes wrong with one file is told in the archive, and the others are whole.
func TestArchiveNamesWhatIsMissing(t *testing.T) {
	breaks := func(at int64) func(int64, io.Reader) io.Reader {
		return func(from int64, body io.Reader) io.Reader { return io.LimitReader(body, max(at-from, 0)) }
	}
	changes := func(from int64, body io.Reader) io.Reader {
		data, _ := io.ReadAll(body)
		if from == 0 {
			data[0] ^= 1
		}
		return bytes.NewReader(data)
	}
	tests := []struct {
		name   string
		size   int
		fault  error // of Open
		body   func(from int64, body io.Reader) io.Reader
		tag    map[string]string
		reason string
		entry  bool // whether there is one all the same
		failed bool // whether the store is to blame
	}{
		{"gone, small", 10, upload.ErrNotFound, nil, nil, "was deleted", false, false},
		{"gone, large", large, upload.ErrNotFound, nil, nil, "was deleted", false, false},
		{"store down, small", 10, upload.ErrUnavailable, nil, nil, "could not be read", false, true},
		{"refused, large", large, errors.New("access denied"), nil, nil, "could not be read", false, true},
		{"breaks, small", 10, nil, breaks(5), nil, "could not be read", false, true},
		{"breaks, in the middle", middle, nil, breaks(middle / 2), nil, "could not be read", false, true},
		{"breaks, large", large, nil, breaks(large / 2), nil, "could not be read", true, true},
		{"damaged, small", 10, nil, changes, nil, "not those that were uploaded", false, true},
		{"damaged, in the middle", middle, nil, changes, nil, "not those that were uploaded", false, true},
		{"damaged, large", large, nil, changes, nil, "not those that were uploaded", true, true},
		{"declared wrongly, small", 10, nil, changes, nil, "not the hash that its sender declared", true, false},
		{"declared wrongly, large", large, nil, changes, nil, "not the hash that its sender declared", true, false},
		{"pending", 10, nil, nil, map[string]string{}, "not released yet", false, false},
		{"blocked", large, nil, nil, map[string]string{"scan": "infected"}, "did not pass", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m filestest.Memory
			m.Tags = map[string]map[string]string{}
			for _, name := range []string{"a", "bad", "c", "MISSING.txt"} {
				size := 10
				if name == "bad" {
					size = tt.size
				}
				declared := strings.HasPrefix(tt.name, "declared")
				m.Put(filestest.Object{Key: dir + name, Data: bytes.Repeat([]byte(name[:1]), size), Verified: !declared, Declared: declared})
				m.Tags[dir+name] = map[string]string{"scan": "clean"}
			}
			if tt.tag != nil {
				m.Tags[dir+"bad"] = tt.tag
			}
			m.Fault = func(_ context.Context, call, key string) error {
				if call == "open" && key == dir+"bad" {
					return tt.fault
				}
				return nil
			}
			m.Body = func(key string, from int64, body io.Reader) io.Reader {
				if key == dir+"bad" && tt.body != nil {
					return tt.body(from, body)
				}
				return body
			}
			f := files.New(files.Options{Store: &m, Prefix: "conversations/", Required: upload.Tag{Key: "scan", Value: "clean"}})
			entries, missing := archive(t, f)
			if len(missing) != 1 || missing[0].Name != "bad" || !strings.Contains(missing[0].Reason, tt.reason) {
				t.Errorf("missing = %+v, want bad: %s", missing, tt.reason)
			} else if failed := missing[0].Err != nil; failed != tt.failed {
				t.Errorf("missing = %+v; a failure of the store: want %t", missing, tt.failed)
			}
			if report := entries["MISSING 2.txt"]; !strings.Contains(report, "bad: ") || !strings.Contains(report, tt.reason) {
				t.Errorf("the report is %q, want bad: %s", report, tt.reason)
			}
			if _, there := entries["bad"]; there != tt.entry {
				t.Errorf("an entry of the file is there: %t, want %t", there, tt.entry)
			}
			if entries["a"] != "aaaaaaaaaa" || entries["c"] != "cccccccccc" || entries["MISSING.txt"] != "MMMMMMMMMM" {
				t.Errorf("the others are %q", entries)
			}
			if n := m.OpenBodies(); n != 0 {
				t.Errorf("%d bodies were not closed", n)
			}
		})
	}
}

func TestArchiveTakesABrokenConnectionUpWhereItBroke(t *testing.T) {
	data := random(t, 3*large)
	var m filestest.Memory
	m.Put(filestest.Object{Key: dir + "a", Data: data, Verified: true})
	var opens []int64
	m.Body = func(_ string, from int64, body io.Reader) io.Reader {
		opens = append(opens, from)
		return io.LimitReader(body, 2*large)
	}
	entries, missing := archive(t, newFiles(&m))
	if entries["a"] != string(data) || missing != nil {
		t.Errorf("%d bytes, missing %v, want all %d", len(entries["a"]), missing, len(data))
	}
	if diff := cmp.Diff([]int64{0, 2 * large}, opens); diff != "" {
		t.Errorf("read from (-want +got):\n%s", diff)
	}
}

func TestReportOfManyMissingFilesIsBounded(t *testing.T) {
	var m filestest.Memory
	for i := range 5000 {
		m.Put(filestest.Object{Key: fmt.Sprintf("%s%05d%s", dir, i, strings.Repeat("x", 200))})
	}
	m.Fault = func(_ context.Context, call, _ string) error {
		if call == "open" {
			return upload.ErrNotFound
		}
		return nil
	}
	entries, missing := archive(t, newFiles(&m))
	if report := entries["MISSING.txt"]; len(missing) != 5000 || len(report) > 256<<10 || !strings.Contains(report, " more.\n") {
		t.Errorf("%d missing, the report has %d bytes and ends in %q", len(missing), len(report), report[len(report)-50:])
	}
}

// The names that a report tries are looked up, not searched for: a conversation
// full of them costs no more than another.
func TestTheNameOfAReportIsFoundAtOnce(t *testing.T) {
	const n = 1000
	id := strings.Repeat("c", 50) // so long that its prefix does not fit on the stack
	folder := "conversations/" + id + "/"
	var m filestest.Memory
	for i := range n {
		name := "MISSING.txt"
		if i > 0 {
			name = fmt.Sprintf("MISSING %d.txt", i+1)
		}
		m.Put(filestest.Object{Key: folder + name, Verified: true})
	}
	f := newFiles(&m)
	var report string
	allocations := func() float64 {
		return testing.AllocsPerRun(1, func() {
			a, err := f.Archive(t.Context(), conversation(t, id))
			var out bytes.Buffer
			if err == nil {
				_, err = a.WriteTo(t.Context(), &out)
			}
			if err != nil {
				t.Fatal(err)
			}
			entries, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err != nil {
				t.Fatal(err)
			}
			report = entries.File[len(entries.File)-1].Name
		})
	}
	without := allocations()
	m.Fault = func(_ context.Context, call, key string) error {
		if call == "open" && key == folder+"MISSING.txt" {
			return upload.ErrNotFound
		}
		return nil
	}
	if more := allocations() - without; more > 20*n {
		t.Errorf("to name one missing file of %d takes %.0f allocations more, want at most 20 for each file", n, more)
	}
	if want := fmt.Sprintf("MISSING %d.txt", n+1); report != want {
		t.Errorf("the report is %q, want %q", report, want)
	}
}

func TestArchiveFailsBeforeItBeginsWhereTheStoreIsDown(t *testing.T) {
	m := filestest.Memory{Fault: func(context.Context, string, string) error { return upload.ErrUnavailable }}
	if _, err := newFiles(&m).Archive(t.Context(), conversation(t, "c")); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Archive = %v, want ErrUnavailable", err)
	}
}

// full takes so many bytes and no more.
type full struct{ room int }

var errFull = errors.New("the client is gone")

func (w *full) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestArchiveEndsWithItsReader(t *testing.T) {
	for _, size := range []int{100, middle, large} {
		var m filestest.Memory
		for i := range 200 {
			m.Put(zeros(fmt.Sprint(dir, i), int64(size)))
		}
		a, err := newFiles(&m).Archive(t.Context(), conversation(t, "c"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.WriteTo(t.Context(), &full{room: 10 * size}); !errors.Is(err, errFull) {
			t.Errorf("WriteTo = %v, want the writer's error", err)
		}
		if n := m.Calls("open"); n > 150 {
			t.Errorf("%d of 200 files were read for a reader that took ten", n)
		}
		if n := m.OpenBodies(); n != 0 {
			t.Errorf("%d bodies were not closed", n)
		}
	}
}

func TestArchiveEndsWithItsContext(t *testing.T) {
	for _, size := range []int{100, middle, large} {
		ctx, cancel := context.WithCancel(t.Context())
		var m filestest.Memory
		for i := range 200 {
			m.Put(zeros(fmt.Sprint(dir, i), int64(size)))
		}
		var bodies atomic.Int32
		m.Body = func(_ string, _ int64, body io.Reader) io.Reader {
			if bodies.Add(1) == 20 {
				cancel()
			}
			return body
		}
		a, err := newFiles(&m).Archive(ctx, conversation(t, "c"))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := a.WriteTo(ctx, &out); !errors.Is(err, context.Canceled) {
			t.Errorf("WriteTo = %v, want the context's error", err)
		}
		if _, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len())); err == nil {
			t.Error("an archive that was cut off reads as a whole one")
		}
		if n := m.OpenBodies(); n != 0 {
			t.Errorf("%d bodies were not closed", n)
		}
	}
}

// zeros is an object of so many zero bytes, which are nowhere.
func zeros(key string, size int64) filestest.Object {
	return filestest.Object{Key: key, Size: size, Content: func(from int64) io.Reader {
		return io.LimitReader(zeroReader{}, size-from)
	}}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// peak is the most memory that the heap holds while work runs.
func peak(work func()) uint64 {
	var most atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			most.Store(max(most.Load(), stats.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	work()
	close(done)
	<-stopped
	return most.Load()
}

func TestArchiveTakesNoMemoryForSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes a gigabyte")
	}
	var m filestest.Memory
	m.Put(zeros(dir+"a", 500_000_000))
	m.Put(zeros(dir+"b", 500_000_000))
	a, err := newFiles(&m).Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	used := peak(func() {
		if missing, err := a.WriteTo(t.Context(), io.Discard); err != nil || missing != nil {
			t.Errorf("WriteTo = %v, %v", missing, err)
		}
	})
	t.Logf("a gigabyte took %d MB of memory", used>>20)
	if used > 32<<20 {
		t.Errorf("a gigabyte took %d MB of memory", used>>20)
	}
}

// sparse is a file that leaves out blocks of zeros.
type sparse struct{ *os.File }

func (s sparse) Write(p []byte) (int, error) {
	if len(p) > len(nothing) || !bytes.Equal(p, nothing[:len(p)]) {
		return s.File.Write(p)
	}
	_, err := s.Seek(int64(len(p)), io.SeekCurrent)
	return len(p), err
}

var nothing [64 << 10]byte

// Sizes and offsets of more than 32 bits are the business of zip64.
func TestArchiveOfMoreThanFourGigabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes nine gigabytes of nothing")
	}
	const size = 4<<30 + 5
	var m filestest.Memory
	m.Put(zeros(dir+"a", size))
	m.Put(filestest.Object{Key: dir + "b", Data: []byte("behind it")})
	a, err := newFiles(&m).Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "archive.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if missing, err := a.WriteTo(t.Context(), sparse{file}); err != nil || missing != nil {
		t.Fatalf("WriteTo = %v, %v", missing, err)
	}
	read, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	for i, want := range []uint64{size, 9} {
		if got := read.File[i].UncompressedSize64; got != want {
			t.Errorf("%s has %d bytes, want %d", read.File[i].Name, got, want)
		}
	}
	body, err := read.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(body); err != nil || string(data) != "behind it" {
		t.Errorf("behind it is %q, %v", data, err)
	}
}

// Ten thousand small files and two large ones, from a real S3 server. With the race
// detector a tenth of them does: it multiplies the time, and more of the same shows
// no other race.
func TestArchiveFromS3(t *testing.T) {
	small, size := archiveFiles, archiveSize
	if testing.Short() {
		small, size = 100, 5_000_000
	}
	stack := localtest.Start(t, local.Options{})
	bench := onS3(stack)
	fill(t, bench, small, size)
	runtime.GC()
	f := files.New(files.Options{Store: bench.Store, Prefix: "conversations/"})
	a, err := f.Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "archive.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	used := peak(func() {
		if missing, err := a.WriteTo(t.Context(), file); err != nil || missing != nil {
			t.Errorf("WriteTo = %v, %v", missing, err)
		}
	})
	t.Logf("%d files and two of %d bytes took %d MB of memory", small, size, used>>20)
	if used > archiveMemory {
		t.Errorf("it took %d MB of memory", used>>20)
	}
	read, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if len(read.File) != small+2 {
		t.Errorf("%d entries, want %d", len(read.File), small+2)
	}
	tested(t, path)
}

// What is one file on some disks is two in an archive, which says so.
func TestArchiveKeepsWhatADiskCannot(t *testing.T) {
	var m filestest.Memory
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, name := range []string{"src/main.py", ".env", "a", "a/b", "a/c", "Report.txt", "report.txt", "x/y", "x"} {
		m.Put(filestest.Object{Key: dir + name, Data: []byte(name), ContentType: "text/plain", Verified: true, Modified: at.Add(time.Duration(i) * time.Second)})
	}
	got, missing := archive(t, files.New(files.Options{Store: &m, Prefix: "conversations/"}))
	report := got["MISSING.txt"]
	delete(got, "MISSING.txt")
	tag := func(name string) string { return filename.WithHash(name, sha256.Sum256([]byte(name)), 8) }
	moved := map[string]string{"a/b": tag("a") + "/b", "a/c": tag("a") + "/c", "report.txt": tag("report.txt"), "x": tag("x")}
	want := map[string]string{"src/main.py": "src/main.py", ".env": ".env", "a": "a", "Report.txt": "Report.txt", "x/y": "x/y"}
	for name, path := range moved {
		want[path] = name
		if !strings.Contains(report, name+": ") || !strings.Contains(report, "it is here as "+path+".\n") {
			t.Errorf("the report does not say that %q is at %q:\n%s", name, path, report)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if len(missing) != len(moved) {
		t.Errorf("%d files are told of, want %d", len(missing), len(moved))
	}
	for _, m := range missing {
		if m.Err != nil {
			t.Errorf("%s counts as failed: %v", m.Name, m.Err)
		}
	}
}
