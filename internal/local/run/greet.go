package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/local"
)

// greet says what runs where, and how to upload a first file.
func greet(w io.Writer, s *local.Stack, dir, repository string, c palette) {
	line := func(name, value, remark string) {
		fmt.Fprintf(w, "  %-8s %s  %s\n", name, value, c.dim(remark))
	}
	fmt.Fprintf(w, "\n%s\n\n", c.bold("upload-files runs on "+s.URL+". Ctrl-C ends it."))
	line("page", s.URL, "open the conversation "+local.Conversation+" there, with the session key of the line below")
	line("API", s.URL+"/api/conversations/{conversation_id}/upload-files", "described at "+s.URL+"/docs")
	line("S3", s.S3Endpoint+"/"+s.Bucket, "its keys are in s3.json among the data")
	line("secrets", s.SecretsFile, "edit it to change the session key: it counts within 2 s")
	line("data", dir, "kept from run to run, with the S3 server's log")
	fmt.Fprintf(w, "\n%s\n\n  %s\n\n", c.bold("Upload a file:"), curl(s, repository))
}

// curl works as pasted, in any folder.
func curl(s *local.Stack, repository string) string {
	return fmt.Sprintf("curl -F %s -H %s %s/api/conversations/%s/upload-files",
		quote("files=@"+filepath.Join(repository, "README.md")),
		quote("X-Session-API-Key: "+sessionKey(s.SecretValue)), s.URL, local.Conversation)
}

// quote quotes a word for the shell, unless it can do without.
func quote(word string) string {
	if strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=.,:/@%"

// sessionKey is the key in a secret's value, or one made with the master key
// that the value has in its place. See docs/session-keys.md.
func sessionKey(value string) string {
	if !strings.HasPrefix(value, "{") {
		return strings.TrimSuffix(value, "\n")
	}
	var object struct {
		Key string `json:"session_api_key"`
	}
	if json.Unmarshal([]byte(value), &object) == nil && object.Key != "" {
		return object.Key
	}
	key, err := session.Mint(value, "", local.Conversation, time.Now().Add(24*time.Hour))
	if err != nil {
		return "the secret has no key: " + err.Error()
	}
	return key
}

// palette colours text for terminals. The zero value leaves it as it is.
type palette struct{ on bool }

// colours follows https://no-color.org.
func colours(f *os.File, getenv func(string) string) palette {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return palette{terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}

func (p palette) bold(text string) string { return p.paint("1", text) }
func (p palette) dim(text string) string  { return p.paint("2", text) }

func (p palette) paint(code, text string) string {
	if !p.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
