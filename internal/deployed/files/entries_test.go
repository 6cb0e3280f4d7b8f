package files_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// write writes the archive of a conversation.
func write(t *testing.T, f *files.Files) ([]byte, []files.Missing) {
	t.Helper()
	a, err := f.Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	missing, err := a.WriteTo(t.Context(), &out)
	if err != nil {
		t.Fatalf("WriteTo = %v", err)
	}
	return out.Bytes(), missing
}

// ahead is what stands before the bytes of an entry.
type ahead struct {
	flags, method uint16
	crc           uint32
	packed, size  uint64
	extra         []byte
}

// walk goes through an archive from front to back as a reader does that cannot
// seek: behind an entry it must find another, or the directory.
func walk(t *testing.T, data []byte) map[string]ahead {
	t.Helper()
	le := binary.LittleEndian
	found := map[string]ahead{}
	for le.Uint32(data) == 0x04034b50 {
		l := ahead{flags: le.Uint16(data[6:]), method: le.Uint16(data[8:]), crc: le.Uint32(data[14:]),
			packed: uint64(le.Uint32(data[18:])), size: uint64(le.Uint32(data[22:]))}
		nameEnd := 30 + int(le.Uint16(data[26:]))
		end := nameEnd + int(le.Uint16(data[28:]))
		name := string(data[30:nameEnd])
		l.extra = data[nameEnd:end]
		found[name] = l
		data = data[end:]
		if l.flags&8 == 0 {
			data = data[l.packed:]
			continue
		}
		// Only the bytes tell where they end.
		next := bytes.Index(data, []byte("PK\x07\x08"))
		if next < 0 {
			t.Fatalf("%s has no descriptor", name)
		}
		data = data[next+16:]
	}
	if le.Uint32(data) != 0x02014b50 {
		t.Fatalf("behind %d entries is %x, want the directory", len(found), data[:4])
	}
	return found
}

func crcOf(data []byte) s3object.CRC32 {
	return s3object.CRC32{Sum: crc32.ChecksumIEEE(data), Known: true}
}

// What is in memory, and what has a CRC-32 that is known, says all before its
// bytes. Nothing is stored with its size behind it.
func TestArchiveSaysSizesBeforeTheBytes(t *testing.T) {
	var m filestest.Memory
	bytesOf := map[string][]byte{
		"empty.txt": {}, "small.txt": bytes.Repeat([]byte("text\n"), 1000), "small.bin": random(t, 1000),
		"random.txt": random(t, 1000), // compression makes it larger
		"middle.txt": bytes.Repeat([]byte("text\n"), middle/5), "middle.bin": random(t, middle),
		"large.txt": bytes.Repeat([]byte("text\n"), large/5+1), "large.bin": random(t, large),
		"known.txt": bytes.Repeat([]byte("text\n"), large/5+1), "known.bin": random(t, large),
		"known middle.bin": random(t, middle), "known middle.txt": bytes.Repeat([]byte("text\n"), middle/5),
		"日本.txt": []byte("text"),
	}
	for name, data := range bytesOf {
		o := filestest.Object{Key: dir + name, Data: data, ContentType: "application/octet-stream", Verified: true}
		if strings.HasSuffix(name, ".txt") {
			o.ContentType = "text/plain"
		}
		if strings.HasPrefix(name, "known") {
			o.CRC32 = crcOf(data)
		}
		m.Put(o)
	}
	data, missing := write(t, newFiles(&m))
	if missing != nil {
		t.Errorf("missing %v", missing)
	}
	entries := walk(t, data)
	if len(entries) != len(bytesOf) {
		t.Errorf("%d entries from front to back, want %d", len(entries), len(bytesOf))
	}
	deflated := map[string]bool{"small.txt": true, "middle.txt": true, "known middle.txt": true, "large.txt": true, "large.bin": true}
	for name, want := range bytesOf {
		got := entries[name]
		if isDeflated := got.method == zip.Deflate; isDeflated != deflated[name] {
			t.Errorf("%s is deflated: %t, want %t", name, isDeflated, deflated[name])
		}
		if hasDescriptor := got.flags&8 != 0; hasDescriptor != strings.HasPrefix(name, "large") {
			t.Errorf("%s has its size behind it: %t", name, hasDescriptor)
		} else if !hasDescriptor && (got.crc != crc32.ChecksumIEEE(want) || got.size != uint64(len(want))) {
			t.Errorf("%s says CRC-32 %08x of %d bytes, want %08x of %d", name, got.crc, got.size, crc32.ChecksumIEEE(want), len(want))
		}
		if isUTF8 := got.flags&0x800 != 0; isUTF8 != (name == "日本.txt") {
			t.Errorf("%s is flagged as UTF-8: %t", name, isUTF8)
		}
		if len(got.extra) != 0 {
			t.Errorf("%s has the extra field %x", name, got.extra)
		}
	}
}

// An entry whose bytes are not those that were announced fails in every program, is
// named, and stands in no other's way.
func TestArchiveWithAWrongCRC32DoesNotLookRight(t *testing.T) {
	breaks := func(from int64, body io.Reader) io.Reader { return io.LimitReader(body, max(large/2-from, 0)) }
	grows := func(_ int64, body io.Reader) io.Reader { return io.MultiReader(body, strings.NewReader("more")) }
	for _, tt := range []struct {
		name     string
		declared uint32 // added to the right one
		body     func(from int64, body io.Reader) io.Reader
		reason   string
		failed   bool
		right    bool // whether the entry is right all the same
	}{
		{"declared wrongly", 1, nil, "not the CRC-32 that its sender declared", false, false},
		{"breaks", 0, breaks, "could not be read", true, false},
		{"more bytes than there were", 0, grows, "not those that were uploaded", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m filestest.Memory
			f := newFiles(&m, "a.txt", "c.txt")
			data := random(t, large)
			crc := crcOf(data)
			crc.Sum += tt.declared
			m.Put(filestest.Object{Key: dir + "b.bin", Data: data, Verified: true, CRC32: crc})
			m.Body = func(key string, from int64, body io.Reader) io.Reader {
				if key == dir+"b.bin" && tt.body != nil {
					return tt.body(from, body)
				}
				return body
			}
			out, missing := write(t, f)
			if len(missing) != 1 || missing[0].Name != "b.bin" || !strings.Contains(missing[0].Reason, tt.reason) || (missing[0].Err != nil) != tt.failed {
				t.Errorf("missing = %+v, want b.bin: %s", missing, tt.reason)
			}
			if got := walk(t, out); len(got) != 4 || got["b.bin"].crc != crc.Sum {
				t.Errorf("entries from front to back: %v", got)
			}
			read, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range read.File {
				body, err := entry.Open()
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, body)
				if isRight := err == nil; isRight != (entry.Name != "b.bin" || tt.right) {
					t.Errorf("%s: %v", entry.Name, err)
				}
			}
		})
	}
}

// What one archive has read, the next one knows.
func TestArchiveLearnsTheCRC32OfWhatIsRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		crc   func(data []byte) s3object.CRC32
		learn func(*testing.T, *files.Files)
	}{
		{"by an archive", func([]byte) s3object.CRC32 { return s3object.CRC32{} }, func(t *testing.T, f *files.Files) { write(t, f) }},
		{"by an archive, for a wrong one", func([]byte) s3object.CRC32 { return s3object.CRC32{Sum: 1, Known: true} },
			func(t *testing.T, f *files.Files) { write(t, f) }},
		{"by a manifest", func([]byte) s3object.CRC32 { return s3object.CRC32{} }, func(t *testing.T, f *files.Files) {
			if err := f.Each(t.Context(), conversation(t, "c"), func(files.File) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m filestest.Memory
			f := newFiles(&m)
			data := random(t, large)
			m.Put(filestest.Object{Key: dir + "a.bin", Data: data, CRC32: tt.crc(data)})
			tt.learn(t, f)
			out, missing := write(t, f)
			if got := walk(t, out)["a.bin"]; missing != nil || got.method != zip.Store || got.flags != 0 || got.crc != crc32.ChecksumIEEE(data) {
				t.Errorf("the next archive has %+v, missing %v, want it stored with the right CRC-32", got, missing)
			}
		})
	}
}

func TestMaxSizeIsCloseAndNeverTooSmall(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int
		known bool
	}{
		{"nothing", nil, false},
		{"small", []int{0, 1, 100, 256 << 10, 256<<10 + 1, middle}, false},
		{"large", []int{5 << 20, large, large + 100_000}, false},
		{"large and known", []int{5 << 20, large, large + 100_000}, true},
	} {
		for _, contentType := range []string{"text/plain", "image/png"} {
			var m filestest.Memory
			total := 0
			for i, size := range tt.sizes {
				o := filestest.Object{Key: fmt.Sprint(dir, "日本 ", i), Data: random(t, size), ContentType: contentType, Verified: true}
				if tt.known {
					o.CRC32 = crcOf(o.Data)
				}
				m.Put(o)
				total += size
			}
			a, err := newFiles(&m).Archive(t.Context(), conversation(t, "c"))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if _, err := a.WriteTo(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			const report = 256 << 10
			slack := a.MaxSize() - report - int64(out.Len())
			if slack < 0 || slack > int64(400+100*len(tt.sizes)+total/5000) {
				t.Errorf("%s, %s: %d bytes, MaxSize is %d and %d more for a report", tt.name, contentType, out.Len(), a.MaxSize()-report, report)
			}
		}
	}
}

// front keeps the first bytes, and counts the others.
type front struct {
	bytes.Buffer
	n, room int64
}

func (f *front) Write(p []byte) (int, error) {
	if left := f.room - f.n; left > 0 {
		f.Buffer.Write(p[:min(int64(len(p)), left)])
	}
	f.n += int64(len(p))
	return len(p), nil
}

// A stored entry of more than four gigabytes tells its size before its bytes, in 64
// bits.
func TestArchiveOfAKnownFileOfMoreThanFourGigabytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes four gigabytes of nothing")
	}
	const size = math.MaxUint32 + 1
	var m filestest.Memory
	o := zeros(dir+"a", size)
	hash := crc32.NewIEEE()
	if _, err := io.Copy(hash, o.Content(0)); err != nil {
		t.Fatal(err)
	}
	o.CRC32 = s3object.CRC32{Sum: hash.Sum32(), Known: true}
	m.Put(o)
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
	begin := &front{room: 51}
	if missing, err := a.WriteTo(t.Context(), io.MultiWriter(begin, sparse{file})); err != nil || missing != nil {
		t.Fatalf("WriteTo = %v, %v", missing, err)
	}
	if begin.n > a.MaxSize() {
		t.Errorf("the archive has %d bytes, more than MaxSize, which is %d", begin.n, a.MaxSize())
	}
	header, le := begin.Bytes(), binary.LittleEndian
	if le.Uint16(header[6:]) != 0 || le.Uint32(header[18:]) != math.MaxUint32 || le.Uint32(header[22:]) != math.MaxUint32 ||
		le.Uint16(header[28:]) != 20 || le.Uint16(header[31:]) != 1 || le.Uint64(header[35:]) != size || le.Uint64(header[43:]) != size {
		t.Errorf("the header is %x, want sizes of 64 bits", header)
	}
	read, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	body, err := read.File[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(body); err != nil || string(data) != "behind it" || read.File[0].UncompressedSize64 != size {
		t.Errorf("the first has %d bytes, behind it is %q, %v", read.File[0].UncompressedSize64, data, err)
	}
	tested(t, path)
}

// More entries than 16 bits can count are the business of zip64, too.
func TestArchiveOfManyEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 66,000 entries")
	}
	const n = 66_000
	var m manyEmpty
	f := files.New(files.Options{Store: &m, Prefix: "conversations/"})
	m.n = n
	out, missing := write(t, f)
	read, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
	if err != nil || len(read.File) != n || missing != nil {
		t.Fatalf("%v, missing %v, want %d entries", err, missing, n)
	}
	unzip(t, out)
}

// manyEmpty is a store with so many empty objects, which it need not search for.
type manyEmpty struct {
	filestest.Memory
	n int
}

func (m *manyEmpty) List(_ context.Context, prefix, after string, limit int) (s3object.Page, error) {
	var page s3object.Page
	from := 0
	if after != "" {
		_, _ = fmt.Sscanf(strings.TrimPrefix(after, prefix), "%d", &from)
		from++
	}
	for i := from; i < min(from+limit, m.n); i++ {
		page.Objects = append(page.Objects, s3object.Info{Key: fmt.Sprintf("%s%06d", prefix, i), ETag: `"e"`})
	}
	page.More = from+limit < m.n
	return page, nil
}

func (m *manyEmpty) Open(_ context.Context, o s3object.Info, _ int64) (s3object.Head, io.ReadCloser, error) {
	return s3object.Head{Info: o}, io.NopCloser(strings.NewReader("")), nil
}

// first tells when the first byte came.
type first struct {
	at time.Time
}

func (f *first) Write(p []byte) (int, error) {
	if f.at.IsZero() && len(p) > 0 {
		f.at = time.Now()
	}
	return len(p), nil
}

func TestArchiveBeginsAfterTwoRoundTrips(t *testing.T) {
	const trip = 20 * time.Millisecond
	for _, size := range []int{10 << 10, middle, large} {
		synctest.Test(t, func(t *testing.T) {
			var m filestest.Memory
			m.Tags = map[string]map[string]string{}
			for i := range 100 {
				key := fmt.Sprintf("%s%03d", dir, i)
				m.Put(filestest.Object{Key: key, Data: bytes.Repeat([]byte("text\n"), size/5+1), ContentType: "image/png"})
				m.Tags[key] = map[string]string{"scan": "clean"}
			}
			m.Fault = func(context.Context, string, string) error {
				time.Sleep(trip)
				return nil
			}
			f := files.New(files.Options{Store: &m, Prefix: "conversations/", Required: upload.Tag{Key: "scan", Value: "clean"}})
			a, err := f.Archive(t.Context(), conversation(t, "c"))
			if err != nil {
				t.Fatal(err)
			}
			var out first
			begin := time.Now()
			if _, err := a.WriteTo(t.Context(), &out); err != nil {
				t.Fatal(err)
			}
			if took := out.at.Sub(begin); took > 2*trip { // for the tag and for the bytes
				t.Errorf("files of %d bytes: the first byte came after %v, want two round trips", size, took)
			}
		})
	}
}

// A container without LANG has no UTF-8, and unzip tells by the extra field for
// times whether to mistrust the flag of a name.
func TestNamesAreRightInTheCLocale(t *testing.T) {
	program, err := exec.LookPath("unzip")
	if err != nil {
		t.Skip("unzip is not there")
	}
	var m filestest.Memory
	want := []string{"a b.txt", "é.txt", "日本 🎉.txt"}
	out, _ := write(t, newFiles(&m, want...))
	folder := t.TempDir()
	path := filepath.Join(folder, "archive.zip")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-q", path, "-d", filepath.Join(folder, "out"))
	cmd.Env = []string{"LC_ALL=C"}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("unzip: %v\n%s", err, text)
	}
	for _, name := range want {
		if data, err := os.ReadFile(filepath.Join(folder, "out", name)); err != nil || string(data) != name {
			t.Errorf("%s is %q, %v", name, data, err)
		}
	}
}

func TestTimesOfAnyYearAreWritten(t *testing.T) {
	var m filestest.Memory
	for year, want := range map[int]time.Time{
		1970: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		2026: time.Date(2026, 12, 31, 23, 59, 58, 0, time.UTC),
		2200: time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC),
	} {
		m.Put(filestest.Object{Key: dir + "a", Modified: time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC)})
		out, _ := write(t, newFiles(&m))
		read, err := zip.NewReader(bytes.NewReader(out), int64(len(out)))
		if err != nil {
			t.Fatal(err)
		}
		if got := read.File[0].Modified; !got.Equal(want) {
			t.Errorf("a file of %d is of %v, want %v", year, got, want)
		}
	}
}

func TestAKnownFileEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var m filestest.Memory
	o := zeros(dir+"a", 1<<40)
	o.CRC32 = s3object.CRC32{Known: true}
	m.Put(o)
	time.AfterFunc(10*time.Millisecond, cancel)
	a, err := newFiles(&m).Archive(t.Context(), conversation(t, "c"))
	if err != nil {
		t.Fatal(err)
	}
	out := counter(0)
	if _, err := a.WriteTo(ctx, &out); !errors.Is(err, context.Canceled) || out > 1<<39 {
		t.Errorf("WriteTo = %v after %d bytes, want the context's error, and no terabyte of zeros in the place of what did not come", err, out)
	}
	if n := m.OpenBodies(); n != 0 {
		t.Errorf("%d bodies were not closed", n)
	}
}
