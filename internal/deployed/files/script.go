package files

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"uploadfiles/internal/deployed/curlconfig"
	"uploadfiles/internal/deployed/upload"
)

//go:embed fetch.sh
var scriptTemplate string

// scriptFiles is the line in whose place those of the files come.
const scriptFiles = "\t# files\n"

// Script writes a POSIX shell script that downloads the files of a conversation
// and verifies the hash of each. Whatever the names of files are, they are only
// names in it; those that cannot be beside others on every disk are told, and come
// under another. It needs sh, curl, and sha256sum or shasum.
//
// The whole script is one command, so that a script that was cut off is an
// error of syntax and does nothing. Nothing is written before the first files
// are listed.
func (f *Files) Script(ctx context.Context, w io.Writer, c upload.Conversation) error {
	objects, err := f.all(ctx, c)
	if err != nil {
		return err
	}
	disk := f.diskOf(c, objects, scriptName)
	head, tail, _ := strings.Cut(scriptTemplate, scriptFiles)
	out := bufio.NewWriter(w)
	text := strings.NewReplacer("CONVERSATION", c.String())
	begun := false
	var expires time.Time
	begin := func() {
		if !begun {
			_, _ = text.WriteString(out, head) // the writer keeps its error
			begun = true
		}
	}
	err = f.Each(ctx, c, func(file File) error {
		begin()
		if expires.IsZero() || file.Link.Expires.Before(expires) {
			expires = file.Link.Expires
		}
		_, err := out.WriteString(scriptLine(file, disk.path(file.Name)))
		return err
	})
	if err != nil {
		return err
	}
	begin()
	if expires.IsZero() { // without a file no link can end
		expires = time.Now().Add(time.Hour)
	}
	expires = expires.UTC()
	text = strings.NewReplacer("20060102150405", expires.Format("20060102150405"), "2006-01-02T15:04:05Z", expires.Format(time.RFC3339))
	_, _ = text.WriteString(out, tail)
	return out.Flush()
}

// scriptName is what the script is told to be saved as, beside the files.
const scriptName = ".fetch.sh"

// scriptLine is for a file that is to be at a path.
func scriptLine(file File, path string) string {
	switch file.State {
	case upload.Pending:
		return fmt.Sprintf("\twithheld %s 'it is not released yet'\n", ShellQuote(file.Name))
	case upload.Blocked:
		return fmt.Sprintf("\twithheld %s 'it did not pass the check'\n", ShellQuote(file.Name))
	}
	sum, declared := "", ""
	if file.Hashed {
		sum = hex.EncodeToString(file.SHA256[:])
	}
	if file.Hashed && !file.Verified {
		declared = " declared"
	}
	moved := ""
	if path != file.Name {
		moved = fmt.Sprintf("\tmoved %s %s\n", ShellQuote(file.Name), ShellQuote(path))
	}
	return moved + fmt.Sprintf("\tfetch %s '%s' %d %s%s\n", ShellQuote(path), sum, file.Size, ShellQuote(curlconfig.Quote(file.Link.URL)), declared)
}

// ShellQuote makes one word of any text without NUL: between single quotes a
// shell gives no character a meaning
// (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02).
func ShellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
