package s3server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A patch mends a file of a module that the S3 server is made of.
type patch struct {
	module, file string
	from, to     string // text of the file that is there once, and what takes its place
}

// cutBody makes an error of a request whose connection ends within its body.
// fasthttp tells of the end of a body of known length as if it were whole, and
// versitygw then keeps what came, filled up with zeros: of a presigned request,
// which names no hash, neither would notice. AWS keeps no such object or part.
// The error is not io.ErrUnexpectedEOF, which versitygw takes for an end as well.
var cutBody = patch{
	module: "github.com/valyala/fasthttp",
	file:   "streaming.go",
	from: `	n, err = rs.reader.Read(p)
	rs.totalBytesRead += n
	if err != nil {
		return n, err
	}

	if rs.totalBytesRead == rs.header.ContentLength() {
		err = io.EOF
	}
`,
	to: `	n, err = rs.reader.Read(p)
	rs.totalBytesRead += n
	if rs.totalBytesRead == rs.header.ContentLength() {
		return n, io.EOF
	}
	if err == io.EOF {
		err = io.ErrClosedPipe
	}
`,
}

// concerns reports whether a module file requires the patch's module.
func (p patch) concerns(mod []byte) bool {
	return bytes.Contains(mod, []byte(p.module+" v"))
}

// apply writes a copy of the module file into the folder that names a mended
// copy of the patch's module, and returns its path.
func (p patch) apply(ctx context.Context, module, folder string) (modfile string, err error) {
	if _, err := goTool(ctx, module, "mod", "download", p.module); err != nil {
		return "", err
	}
	source, err := goTool(ctx, module, "list", "-m", "-f", "{{.Dir}}", p.module)
	if err != nil {
		return "", err
	}
	mended := filepath.Join(folder, "mended")
	if err := os.CopyFS(mended, os.DirFS(strings.TrimSpace(source))); err != nil {
		return "", err
	}
	if err := p.mend(filepath.Join(mended, p.file)); err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	sum, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	modfile = filepath.Join(folder, "go.mod")
	mod = fmt.Appendf(mod, "\nreplace %s => %s\n", p.module, strconv.Quote(mended))
	return modfile, errors.Join(os.WriteFile(modfile, mod, 0o600), os.WriteFile(filepath.Join(folder, "go.sum"), sum, 0o600))
}

func (p patch) mend(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(content), p.from); n != 1 {
		return fmt.Errorf("%s of %s has the text of the patch %d times: is it mended there, or changed?", p.file, p.module, n)
	}
	return os.WriteFile(path, bytes.Replace(content, []byte(p.from), []byte(p.to), 1), 0o600)
}
