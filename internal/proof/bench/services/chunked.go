package services

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

var errChunk = errors.New("malformed aws-chunked body")

// content is the object in a request: its body, taken out of AWS's own chunks
// where a client sends the checksum or a signature behind the bytes
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html).
func content(r *http.Request) io.Reader {
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return &chunks{r: bufio.NewReader(r.Body)}
	}
	return r.Body
}

// chunks reads what is in the chunks and drops their signatures and the trailer.
type chunks struct {
	r    *bufio.Reader
	left int64 // of the present chunk
	end  bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.left == 0 && !c.end {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if c.end {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if c.left == 0 && err == nil {
		err = c.lineEnd()
	}
	return n, err
}

// begin reads "size;chunk-signature=…", of which only the size is always there.
func (c *chunks) begin() error {
	text, err := c.r.ReadString('\n')
	if err != nil {
		return errChunk
	}
	size, _, _ := strings.Cut(strings.TrimSuffix(text, "\r\n"), ";")
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil || c.left < 0 {
		return errChunk
	}
	if c.left == 0 {
		c.end = true
		_, err = io.Copy(io.Discard, c.r)
	}
	return err
}

func (c *chunks) lineEnd() error {
	if text, err := c.r.ReadString('\n'); err != nil || text != "\r\n" {
		return errChunk
	}
	return nil
}
