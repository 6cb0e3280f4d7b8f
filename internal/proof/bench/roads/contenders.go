package roads

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A contender brings files there from the folder where it runs, or back into it.
// Its command names {bucket}, {conversation}, {s3} and {api}, and as {prepared} a
// file that is made before time is taken.
type contender struct {
	name    string
	program string // what it needs
	command string
	prepare func(ctx context.Context, s *site, conversation string) (string, error)
	check   func(source, back string) error
	small   bool // it is too slow, or is refused, for more than 150 MB
	once    bool // it is too slow for more than one round
}

// Names of contenders that promises are about.
const (
	ourFetcher   = "fetch.sh"
	ourSender    = "put.sh"
	s5cmdFetcher = "s5cmd cp, nothing verified"
	s5cmdSender  = "s5cmd cp"
	oneByOne     = "a curl and a sha256sum for each file"
	curlAndHash  = "curl --parallel, then one sha256sum"
)

var senders = []contender{
	{name: ourSender, command: `PUT_URL={api}/api/conversations/{conversation} sh "{prepared}" .`, prepare: script("put.sh")},
	{name: s5cmdSender, program: "s5cmd", command: `s5cmd --log error --endpoint-url {s3} cp ./ s3://{bucket}/conversations/{conversation}/`},
	{name: "aws s3 sync", program: "aws", command: `aws s3 sync --quiet --endpoint-url {s3} . s3://{bucket}/conversations/{conversation}/`},
	{name: "rclone copy, 32 at once", program: "rclone", command: `rclone copy --transfers 32 --checkers 32 . ":s3,provider=Other,env_auth=true,endpoint='{s3}':{bucket}/conversations/{conversation}"`},
}

var fetchers = []contender{
	{name: ourFetcher, command: `curl -fsS -H "X-Session-API-Key: $SESSION_API_KEY" {api}/api/conversations/{conversation}/fetch.sh -o .fetch.sh && sh .fetch.sh && rm .fetch.sh`, check: same},
	{name: "curl --parallel alone, nothing verified", command: `curl -q -fsS --globoff --parallel --parallel-max 32 --no-progress-meter --config "{prepared}"`, prepare: config, check: same},
	{name: curlAndHash, command: `curl -q -fsS --globoff --parallel --parallel-max 32 --no-progress-meter --config "{prepared}" && sha256sum * >/dev/null`, prepare: config, check: same},
	{name: oneByOne, small: true, once: true, command: `while read -r name url; do printf 'url = "%s"\n' "$url" | curl -q -fsS --globoff --config - --output "$name" && sha256sum "$name" >/dev/null || exit; done <"{prepared}"`, prepare: lines, check: same},
	{name: s5cmdFetcher, program: "s5cmd", command: `s5cmd --log error --endpoint-url {s3} cp 's3://{bucket}/conversations/{conversation}/*' .`, check: same},
	{name: "aws s3 sync", program: "aws", command: `aws s3 sync --quiet --endpoint-url {s3} s3://{bucket}/conversations/{conversation}/ .`, check: same},
	{name: "rclone copy, 32 at once", program: "rclone", command: `rclone copy --transfers 32 --checkers 32 ":s3,provider=Other,env_auth=true,endpoint='{s3}':{bucket}/conversations/{conversation}" .`, check: same},
	{name: "GET zip", program: "unzip", small: true, command: `curl -fsS -H "X-Session-API-Key: $SESSION_API_KEY" {api}/api/conversations/{conversation}/zip -o all.zip`, check: archived},
	{name: "GET files, by pages of 1,000", small: true, command: `curl -fsS -H "X-Session-API-Key: $SESSION_API_KEY" '{api}/api/conversations/{conversation}/files?limit=1000' -o /dev/null`, check: func(string, string) error { return nil }},
}

// script writes one of the scripts to a file.
func script(name string) func(context.Context, *site, string) (string, error) {
	return func(ctx context.Context, s *site, conversation string) (string, error) {
		text, err := s.get(ctx, conversation, "/"+name)
		if err != nil {
			return "", err
		}
		path := filepath.Join(s.o.Dir, name)
		return path, os.WriteFile(path, []byte(text), 0o600)
	}
}

// urls lists the files of a conversation in a form of this pattern.
func (s *site) urls(ctx context.Context, conversation, pattern string) (string, error) {
	manifest, err := s.get(ctx, conversation, "/manifest")
	if err != nil {
		return "", err
	}
	var list struct {
		Files []struct{ Name, URL string }
	}
	if err := json.Unmarshal([]byte(manifest), &list); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, f := range list.Files {
		fmt.Fprintf(&text, pattern, f.Name, f.URL)
	}
	path := filepath.Join(s.o.Dir, "urls")
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}

func config(ctx context.Context, s *site, conversation string) (string, error) {
	return s.urls(ctx, conversation, "output = \"%s\"\nurl = \"%s\"\n")
}

func lines(ctx context.Context, s *site, conversation string) (string, error) {
	return s.urls(ctx, conversation, "%s %s\n")
}

// tools are the contenders that can be had here.
type tools struct {
	senders, fetchers []contender
	skipped           map[string]string
}

//go:embed requirements.txt
var requirements []byte

// findTools installs the others' programs, from PyPI. What cannot be installed is
// named and left out.
func findTools(ctx context.Context, o Options) (*tools, error) {
	venv := filepath.Join(o.Dir, fmt.Sprintf("tools-%x", sha256.Sum256(requirements))[:14])
	if err := install(ctx, venv); err != nil {
		o.Say("The other programs cannot be installed: %v", err)
	}
	path := filepath.Join(venv, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	if err := os.Setenv("PATH", path); err != nil {
		return nil, err
	}
	t := &tools{skipped: map[string]string{}}
	t.senders, t.fetchers = t.available(senders), t.available(fetchers)
	return t, nil
}

func install(ctx context.Context, venv string) error {
	done := filepath.Join(venv, "done")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	file := venv + ".txt"
	if err := os.WriteFile(file, requirements, 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "-r", file},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w %s", args[0], err, bytes.TrimSpace(out))
		}
	}
	return os.WriteFile(done, nil, 0o600)
}

func (t *tools) available(all []contender) []contender {
	var there []contender
	for _, c := range all {
		if c.program != "" {
			if _, err := exec.LookPath(c.program); err != nil {
				t.skipped[c.name] = err.Error()
				continue
			}
		}
		there = append(there, c)
	}
	return there
}
