package files

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

// entries writes the entries of one zip archive so that as many programs as can be
// read them while they come (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
// A program that goes through an archive from front to back cannot know where an
// entry ends that is stored as it is and has its size behind it. So what is stored
// has its size before it, and only a deflated entry, which knows its own end, may
// have it behind.
//
// The entries have no extra field for their times: with one, Info-ZIP's unzip
// mistakes the other names in a locale without UTF-8. The field that every entry has
// tells two seconds, of UTC, from each other.
type entries struct {
	zip    *zip.Writer
	fast   *flate.Writer
	level  int          // of the next entry that zip compresses
	packed bytes.Buffer // of one entry
}

func newEntries(w io.Writer) *entries {
	e := &entries{zip: zip.NewWriter(w)}
	e.zip.RegisterCompressor(zip.Deflate, e.compressor)
	return e
}

// level is that of text. Of a text of ordinary length this one takes less time than
// the fastest of the standard library, and makes it no larger.
const level = 2

// compressor lends the compressor of all entries, which come one after the other,
// so that they share its megabyte.
func (e *entries) compressor(w io.Writer) (io.WriteCloser, error) {
	if e.level == flate.NoCompression {
		return flate.NewWriter(w, flate.NoCompression)
	}
	return e.deflater(w)
}

func (e *entries) deflater(w io.Writer) (*flate.Writer, error) {
	if e.fast != nil {
		e.fast.Reset(w)
		return e.fast, nil
	}
	var err error
	e.fast, err = flate.NewWriter(w, level)
	return e.fast, err
}

// whole writes an entry whose bytes and CRC-32 are there. It is compressed if that
// is wished and makes it smaller.
func (e *entries) whole(name string, modified time.Time, data []byte, crc uint32, compress bool) error {
	header := headerOf(name, modified)
	header.CRC32, header.UncompressedSize64 = crc, uint64(len(data))
	if compress && len(data) > 0 {
		packed, err := e.pack(data)
		if err != nil {
			return err
		}
		if len(packed) < len(data) {
			header.Method, data = zip.Deflate, packed
		}
	}
	header.CompressedSize64 = uint64(len(data))
	w, err := e.zip.CreateRaw(header)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// pack returns the compressed data, until it is called again.
func (e *entries) pack(data []byte) ([]byte, error) {
	e.packed.Reset()
	w, err := e.deflater(&e.packed)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return e.packed.Bytes(), err
}

// stored begins an entry of so many bytes with this CRC-32, which are stored as
// they are.
func (e *entries) stored(name string, modified time.Time, size int64, crc uint32) (io.Writer, error) {
	header := headerOf(name, modified)
	header.CRC32, header.UncompressedSize64, header.CompressedSize64 = crc, uint64(size), uint64(size) //nolint:gosec // not negative
	if size >= math.MaxUint32 {
		header.ReaderVersion = version64
		header.Extra = extra64(size)
	}
	w, err := e.zip.CreateRaw(header)
	header.Extra = nil // in the directory zip writes one of its own
	return w, err
}

// deflated begins an entry of which neither is known, and which has them behind its
// bytes. Those are deflated even where they are not to be compressed.
func (e *entries) deflated(name string, modified time.Time, compress bool) (io.Writer, error) {
	e.level = flate.NoCompression
	if compress {
		e.level = level
	}
	header := headerOf(name, modified)
	header.Method = zip.Deflate
	return e.zip.CreateHeader(header)
}

func (e *entries) close() error { return e.zip.Close() }

// What a program must be able to do to read an entry: 2.0 knows DEFLATE, 4.5 sizes
// of 64 bits.
const (
	version20 = 20
	version64 = 45
	utf8Name  = 0x800 // the flag of a name that is UTF-8
)

// headerOf says what [zip.Writer.CreateRaw] does not say by itself.
func headerOf(name string, modified time.Time) *zip.FileHeader {
	header := &zip.FileHeader{Name: name, CreatorVersion: version20, ReaderVersion: version20}
	header.SetMode(0o644)
	// With Modified there would be the extra field.
	header.ModifiedDate, header.ModifiedTime = dosTime(modified) //nolint:staticcheck // see above
	// A tilde is another character in some charsets of the East.
	if !isASCII(name) || strings.Contains(name, "~") {
		header.Flags |= utf8Name
	}
	return header
}

// dosTime is a time in the form of MS-DOS, of 1980 to 2107.
func dosTime(t time.Time) (date, clock uint16) {
	t = t.UTC()
	switch {
	case t.Year() < 1980:
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 2107:
		t = time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	}
	date = uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9) //nolint:gosec // of 16 bits
	clock = uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)     //nolint:gosec // of 16 bits
	return date, clock
}

// extra64 is the extra field with the sizes of a stored entry that 32 bits cannot
// tell.
func extra64(size int64) []byte {
	extra := binary.LittleEndian.AppendUint16(nil, 1)
	extra = binary.LittleEndian.AppendUint16(extra, 16)
	extra = binary.LittleEndian.AppendUint64(extra, uint64(size)) //nolint:gosec // not negative
	return binary.LittleEndian.AppendUint64(extra, uint64(size))  //nolint:gosec // not negative
}

// What an entry takes besides its bytes and twice its name: a header before them, a
// descriptor behind them, and its place in the directory, the largest of each.
const entrySize = 30 + 20 + 24 + 46 + 28

// endSize is what ends an archive: the end of the directory, in its old form and in
// that of 64 bits.
const endSize = 22 + 56 + 20

// deflatedSize is the most bytes that deflating can make of so many: what it
// cannot make smaller it stores, in blocks with 5 bytes before each.
func deflatedSize(size int64) int64 { return size + 5*(size>>15+2) }

// exact passes on so many bytes, neither more nor less: programs look for the next
// entry behind them.
type exact struct {
	w    io.Writer
	left int64
}

func (e *exact) Write(p []byte) (int, error) {
	n, err := e.w.Write(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// pad writes zeros in the place of bytes that did not come.
func (e *exact) pad() error {
	zeros := make([]byte, min(e.left, 32<<10))
	for e.left > 0 {
		if _, err := e.Write(zeros[:min(int64(len(zeros)), e.left)]); err != nil {
			return err
		}
	}
	return nil
}
