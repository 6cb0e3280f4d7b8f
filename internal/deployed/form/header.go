package form

import (
	"bytes"
	"strings"
)

// A header is what matters of a part's header lines. Its texts are bytes in the
// form's charset, or in the one that they say themselves.
type header struct {
	disposition
	disposed    bool
	contentType string
}

// header reads a part's header lines and the blank line behind them.
func (r *reader) header() (header, error) {
	block := r.rest[:min(len(r.rest), MaxHeader)]
	rest := block
	var h header
	for lines := 0; ; lines++ {
		line, after, ok := bytes.Cut(rest, []byte("\r\n"))
		switch {
		case !ok && len(r.rest) > MaxHeader:
			return h, malformed("a header of too many bytes")
		case !ok:
			return h, malformed("ends inside a header")
		case len(line) == 0:
			r.rest = r.rest[len(block)-len(after):]
			return h, nil
		case lines == MaxHeaderLines:
			return h, malformed("a header of too many lines")
		}
		if err := h.add(line); err != nil {
			return h, err
		}
		rest = after
	}
}

// add reads one header line. Of a header that is there twice the reference
// takes the last Content-Disposition and the first Content-Type.
func (h *header) add(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) {
		return malformed("not a header line")
	}
	if bytes.ContainsAny(value, "\r\n") {
		return malformed("half a line end in a header")
	}
	value = bytes.TrimLeft(value, " ")
	switch {
	case strings.EqualFold(string(name), "Content-Disposition"):
		return h.dispose(string(value))
	case strings.EqualFold(string(name), "Content-Type") && h.contentType == "":
		h.contentType = string(value)
	}
	return nil
}

// dispose reads a Content-Disposition. A second one may rename a file; it may
// not make another part of it.
func (h *header) dispose(value string) error {
	d, err := readDisposition(value)
	if err != nil {
		return err
	}
	if h.disposed && !d.samePart(h.disposition) {
		return malformed("two dispositions that disagree")
	}
	h.disposition = d
	h.disposed = true
	return nil
}

// A disposition is the Content-Disposition of a part. Its type is not looked at,
// as in the reference.
type disposition struct {
	name     value
	named    bool
	filename value
	isFile   bool
}

func (d disposition) samePart(other disposition) bool {
	return d.name.text == other.name.text && d.isFile == other.isFile
}

func readDisposition(value string) (disposition, error) {
	_, params := parameters(value)
	names, err := params.readings("name")
	if err != nil {
		return disposition{}, err
	}
	name, err := only(names)
	if err != nil {
		return disposition{}, err
	}
	filenames, err := params.readings("filename")
	if err != nil {
		return disposition{}, err
	}
	filename := best(filenames)
	filename.text = withoutDrive(filename.text)
	return disposition{
		name:     name,
		named:    len(names) > 0,
		filename: filename,
		isFile:   len(filenames) > 0,
	}, nil
}

// withoutDrive cuts the folders off a full Windows path, as the reference does
// for the sake of Internet Explorer. Other paths stay as they are.
func withoutDrive(filename string) string {
	drive := len(filename) > 2 && filename[1:3] == `:\`
	if !drive && !strings.HasPrefix(filename, `\\`) {
		return filename
	}
	return filename[strings.LastIndexByte(filename, '\\')+1:]
}

// isToken reports whether a name is one of a header (RFC 9110, section 5.6.2).
func isToken(name []byte) bool {
	for _, c := range name {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return len(name) > 0
}
