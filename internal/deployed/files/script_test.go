package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/upload"
)

// site serves the objects of a store under the links that it hands out.
type site struct {
	filestest.Memory
	*httptest.Server
	expiry  time.Duration
	mu      sync.Mutex
	content map[string]string // by path
	asked   []string
}

func newSite(t *testing.T, content map[string]string) *site {
	t.Helper()
	s := &site{content: content, expiry: time.Hour}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		name := strings.TrimPrefix(r.URL.Path, "/"+dir)
		s.asked = append(s.asked, name)
		data, ok := s.content[name]
		if !ok || r.URL.Query().Get("sig") != `a"b\c&d` {
			http.Error(w, "no such link", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, data)
	}))
	t.Cleanup(s.Server.Close)
	for name, data := range content {
		s.Put(filestest.Object{Key: dir + name, Data: []byte(data), Verified: true})
	}
	return s
}

// Link hands out a URL that is hard on shells and on curl, which brackets and
// braces make think of many URLs.
func (s *site) Link(_ context.Context, key, _ string) (upload.Link, error) {
	link := s.URL + "/" + (&url.URL{Path: key}).EscapedPath() + "?x={a,b}[1-9]$(id)`id`'\"\\&sig=" + url.QueryEscape(`a"b\c&d`)
	return upload.Link{URL: link, Expires: time.Now().Add(s.expiry)}, nil
}

func (s *site) change(name, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content[name] = data
}

func (s *site) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func script(t *testing.T, store files.Store) []byte {
	t.Helper()
	f := files.New(files.Options{Store: store, Prefix: "conversations/", Required: upload.Tag{}})
	var out bytes.Buffer
	if err := f.Script(t.Context(), &out, conversation(t, "c")); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// shells are the command lines of those that are there. Dash knows little more
// than POSIX; in mksh printf is a program; macOS had zsh as its sh.
func shells(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip(err)
	}
	var there []string
	for _, shell := range []string{"sh", "dash", "bash --posix", "busybox sh", "mksh", "yash", "zsh --emulate sh"} {
		if _, err := exec.LookPath(strings.Fields(shell)[0]); err == nil {
			there = append(there, shell)
		}
	}
	if len(there) == 0 {
		t.Skip("no shell is there")
	}
	return there
}

// run runs a script in a folder.
func run(t *testing.T, shell, folder string, text []byte, env ...string) (status int, output string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fetch.sh")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(strings.Fields(shell), path)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if failure := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failure) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	there := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && !strings.HasPrefix(path, ".fetch-") {
			return err
		}
		data, err := os.ReadFile(filepath.Join(folder, path)) // what the script has left is no file
		there[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// hostile are names as clients may send them.
var hostile = []string{
	"plain.txt", "with space.txt", " leading", "trailing ", "-rf", "--output", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '",
	`"; touch pwned; "`, "a;touch pwned", "a&&touch pwned", "a|touch pwned", "${HOME}", "~", "~root", "!!", "#no comment", "%s%n", "\\x41",
	"new\nline", "carriage\rreturn", "tab\tbed", "日本.txt", "🎉", "é", "[a-z]", "{a,b}", "a=b", "@file", "back\\slash", "''", "'", "\"",
	"src/main.py", ".env", ".github/workflows/ci.yml", "a b/'c'/$(touch pwned)/x", "-r/--output", "../../up.txt", "~x/y", "d e/*/?.txt",
	"&x", "(sub)", "100%.txt", "$'\\n'", ": files", "}", "EOF", strings.Repeat("long", 63) + ".txt",
}

func TestScriptMakesFolders(t *testing.T) {
	content := map[string]string{".env": "0", "src/main.py": "1", "src/lib/a b.py": "2", ".github/workflows/ci.yml": "3", "it's/a $(b)": "4", "src.txt": "5"}
	s := newSite(t, content)
	text := script(t, s)
	for _, shell := range shells(t) {
		folder := t.TempDir()
		for _, want := range []string{"6 downloaded, 0 already there, 0 failed\n", "0 downloaded, 6 already there, 0 failed\n"} {
			if status, output := run(t, shell, folder, text); status != 0 || output != want {
				t.Errorf("%s: it ended with %d and said %q, want %q", shell, status, output, want)
			}
		}
		if diff := cmp.Diff(content, contents(t, folder)); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", shell, diff)
		}
	}
}

// A folder that is a link, or a file, is in the way of what lies below it, and of
// nothing else.
func TestScriptNamesWhatStandsInTheWayOfAFolder(t *testing.T) {
	content := map[string]string{"link/a": "1", "link/deep/b": "2", "file/c": "3", "real/up/d": "4", "e": "5"}
	s := newSite(t, content)
	text := script(t, s)
	for _, shell := range shells(t) {
		folder, elsewhere := t.TempDir(), t.TempDir()
		err := errors.Join(os.Symlink(elsewhere, filepath.Join(folder, "link")), os.WriteFile(filepath.Join(folder, "file"), []byte("mine"), 0o600),
			os.Mkdir(filepath.Join(folder, "real"), 0o700), os.Symlink("../..", filepath.Join(folder, "real", "up")))
		if err != nil {
			t.Fatal(err)
		}
		status, output := run(t, shell, folder, text)
		if status != 1 || !strings.Contains(output, "1 downloaded, 0 already there, 4 failed") {
			t.Errorf("%s: it ended with %d and said %q", shell, status, output)
		}
		for name, obstacle := range map[string]string{"link/a": "link", "link/deep/b": "link", "file/c": "file", "real/up/d": "real/up"} {
			if want := name + ": " + obstacle + " is there and is no folder. Move it away to get this file."; !strings.Contains(output, want) {
				t.Errorf("%s: it said %q, want %q", shell, output, want)
			}
		}
		if there, err := os.ReadDir(elsewhere); err != nil || len(there) != 0 {
			t.Errorf("%s: it wrote %v elsewhere, %v", shell, there, err)
		}
		if e, err := os.ReadFile(filepath.Join(folder, "e")); err != nil || string(e) != "5" {
			t.Errorf("%s: e is %q, %v", shell, e, err)
		}
	}
}

func TestScriptDownloadsWhateverTheNames(t *testing.T) {
	content := map[string]string{}
	for i, name := range hostile {
		content[filename.Safe(name, "")] = fmt.Sprintf("content %d of %s", i, name)
	}
	content["empty"] = ""
	s := newSite(t, content)
	text := script(t, s)
	for _, shell := range shells(t) {
		t.Run(shell, func(t *testing.T) {
			folder := t.TempDir()
			status, output := run(t, shell, folder, text)
			if want := fmt.Sprintf("%d downloaded, 0 already there, 0 failed\n", len(content)); status != 0 || output != want {
				t.Errorf("it ended with %d and said %q, want 0 and %q", status, output, want)
			}
			if diff := cmp.Diff(content, contents(t, folder)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			s.requests()
			status, output = run(t, shell, folder, text)
			if want := fmt.Sprintf("0 downloaded, %d already there, 0 failed\n", len(content)); status != 0 || output != want {
				t.Errorf("again, it ended with %d and said %q, want 0 and %q", status, output, want)
			}
			if asked := s.requests(); len(asked) != 0 {
				t.Errorf("again, it asked for %q", asked)
			}
		})
	}
}

// A disk may be one that folds case, and none has a file and a folder of one name:
// the later one comes under another, and the script says so.
func TestScriptKeepsWhatADiskCannot(t *testing.T) {
	names := []string{".fetch.sh", "Report.txt", "report.txt", "a", "a/b", "a/c/d", "x/y", "x"}
	s := newSite(t, map[string]string{})
	for i, name := range names {
		s.content[name] = name
		s.Put(filestest.Object{Key: dir + name, Data: []byte(name), Verified: true, Modified: time.Unix(int64(i), 0)})
	}
	text := script(t, s)
	tag := func(name string) string { return filename.WithHash(name, sha256.Sum256([]byte(name)), 8) }
	moved := map[string]string{
		".fetch.sh": tag(".fetch.sh"), "report.txt": tag("report.txt"), "a/b": tag("a") + "/b", "a/c/d": tag("a") + "/c/d", "x": tag("x"),
	}
	want := map[string]string{}
	for _, name := range names {
		path := name
		if moved[name] != "" {
			path = moved[name]
		}
		want[path] = name
	}
	for _, shell := range shells(t) {
		folder := t.TempDir()
		for _, counts := range []string{"8 downloaded, 0 already there", "0 downloaded, 8 already there"} {
			status, output := run(t, shell, folder, text)
			if status != 0 || !strings.Contains(output, counts) {
				t.Errorf("%s: it ended with %d and said %q", shell, status, output)
			}
			for name, path := range moved {
				if !strings.Contains(output, name+": another file or a folder has this name on some disks; it is here as "+path+"\n") {
					t.Errorf("%s: it does not say that %q is at %q: %q", shell, name, path, output)
				}
			}
			if diff := cmp.Diff(want, contents(t, folder)); diff != "" {
				t.Errorf("%s: files (-want +got):\n%s", shell, diff)
			}
		}
	}
}

func TestScriptFetchesWhatIsMissingAndOverwritesNothing(t *testing.T) {
	s := newSite(t, map[string]string{"have": "1", "missing": "2", "mine": "3", "link": "4"})
	text := script(t, s)
	for _, shell := range shells(t) {
		s.requests()
		folder := t.TempDir()
		for name, data := range map[string]string{"have": "1", "mine": "changed by me"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		if err := os.Symlink(elsewhere, filepath.Join(folder, "link")); err != nil {
			t.Fatal(err)
		}
		status, output := run(t, shell, folder, text)
		if status != 1 || !strings.Contains(output, "mine: there is another file of this name") || !strings.Contains(output, "1 downloaded, 1 already there, 2 failed") {
			t.Errorf("%s: it ended with %d and said %q", shell, status, output)
		}
		if err := os.Remove(filepath.Join(folder, "link")); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(map[string]string{"have": "1", "missing": "2", "mine": "changed by me"}, contents(t, folder)); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", shell, diff)
		}
		if _, err := os.Stat(elsewhere); err == nil {
			t.Errorf("%s: it wrote through a link", shell)
		}
		if diff := cmp.Diff([]string{"missing"}, s.requests()); diff != "" {
			t.Errorf("%s: it asked for (-want +got):\n%s", shell, diff)
		}
	}
}

// What takes a name while its file is downloaded stays too, also on a file system
// that has no links.
func TestScriptOverwritesNothingThatComesMeanwhile(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip(err)
	}
	s := newSite(t, map[string]string{"a": "1"})
	text := script(t, s)
	elsewhere := t.TempDir()
	for _, tt := range []struct {
		name, meanwhile string
		said            string
		there           string // what has the name in the end
	}{
		{"nothing", ":", "1 downloaded, 0 already there, 0 failed", "-rw 1"},
		{"another file", "printf mine >a", "a: there is another file of this name", "-rw mine"},
		{"the same file", "printf 1 >a", "0 downloaded, 1 already there, 0 failed", "-rw 1"},
		{"a link that leads nowhere", "ln -s " + elsewhere + "/nothing a", "a: there is another file of this name", "Lrw"},
		{"a folder", "mkdir a", "a: there is another file of this name", "drw"},
		{"a link to a folder", "[ -h a ] || ln -s " + elsewhere + " a", "a: there is another file of this name", "Lrw"},
		{"a pipe that nobody writes to", "mkfifo a", "a: there is another file of this name", "prw"},
	} {
		for _, links := range []bool{true, false} {
			stand := t.TempDir()
			programs := map[string]string{"curl": tt.meanwhile + "\nexec '" + curl + "' \"$@\"\n"}
			if !links {
				programs["ln"] = "exit 1\n"
				programs["curl"] = "PATH=${PATH#*:}\n" + programs["curl"]
			}
			for name, text := range programs {
				if err := os.WriteFile(filepath.Join(stand, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, shell := range shells(t) {
				folder := t.TempDir()
				_, output := run(t, shell, folder, text, "PATH="+stand+":"+os.Getenv("PATH"))
				info, err := os.Lstat(filepath.Join(folder, "a"))
				if err != nil {
					t.Fatal(err)
				}
				there := info.Mode().String()[:3]
				if info.Mode().IsRegular() {
					data, err := os.ReadFile(filepath.Join(folder, "a"))
					if err != nil {
						t.Fatal(err)
					}
					there += " " + string(data)
				}
				if !strings.Contains(output, tt.said) || there != tt.there {
					t.Errorf("%s, links %t, %s: a is %q and it said %q, want %q and %q", shell, links, tt.name, there, output, tt.there, tt.said)
				}
				inside, _ := os.ReadDir(filepath.Join(folder, "a"))
				if outside, err := os.ReadDir(elsewhere); len(inside)+len(outside) != 0 || err != nil {
					t.Errorf("%s, links %t, %s: it wrote %v and %v into folders, %v", shell, links, tt.name, inside, outside, err)
				}
			}
		}
	}
}

func TestScriptRefusesWhatIsDamagedAndGoesOn(t *testing.T) {
	s := newSite(t, map[string]string{"a": "right", "b": "right", "c": "right"})
	text := script(t, s)
	s.change("a", "wrong")
	s.change("b", "righ")
	for _, shell := range shells(t) {
		folder := t.TempDir()
		status, output := run(t, shell, folder, text)
		if status != 1 || strings.Count(output, "the download is damaged") != 2 || !strings.Contains(output, "1 downloaded, 0 already there, 2 failed") {
			t.Errorf("%s: it ended with %d and said %q", shell, status, output)
		}
		if diff := cmp.Diff(map[string]string{"c": "right"}, contents(t, folder)); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", shell, diff)
		}
	}
}

// A hash that was only declared may be wrong, and then nothing was damaged.
func TestScriptTellsAWrongDeclarationFromDamage(t *testing.T) {
	s := newSite(t, map[string]string{})
	for _, name := range []string{"right", "other", "short"} {
		s.Put(filestest.Object{Key: dir + name, Data: []byte("12345"), Declared: true})
	}
	s.change("right", "12345")
	s.change("other", "54321")
	s.change("short", "1234")
	text := script(t, s)
	for _, shell := range shells(t) {
		folder := t.TempDir()
		status, output := run(t, shell, folder, text)
		if diff := cmp.Diff(map[string]string{"right": "12345"}, contents(t, folder)); status != 1 || diff != "" {
			t.Errorf("%s: it ended with %d; files (-want +got):\n%s", shell, status, diff)
		}
		for _, want := range []string{"other: its bytes have not the hash that its sender declared", "short: the download is damaged", "1 downloaded, 0 already there, 2 failed"} {
			if !strings.Contains(output, want) {
				t.Errorf("%s: it said %q, want %q", shell, output, want)
			}
		}
	}
}

func TestScriptChecksTheSizeWhereNobodyKnowsTheHash(t *testing.T) {
	s := newSite(t, map[string]string{})
	for _, name := range []string{"right", "short"} {
		s.Put(filestest.Object{Key: dir + name, Data: []byte("12345")})
	}
	s.change("right", "12345")
	s.change("short", "1234")
	f := files.New(files.Options{Store: s, Prefix: "conversations/", HashLimit: 1})
	var text bytes.Buffer
	if err := f.Script(t.Context(), &text, conversation(t, "c")); err != nil {
		t.Fatal(err)
	}
	for _, shell := range shells(t) {
		folder := t.TempDir()
		status, output := run(t, shell, folder, text.Bytes())
		if diff := cmp.Diff(map[string]string{"right": "12345"}, contents(t, folder)); status != 1 || !strings.Contains(output, "short: the download is damaged") || diff != "" {
			t.Errorf("%s: it ended with %d and said %q; files (-want +got):\n%s", shell, status, output, diff)
		}
	}
}

func TestScriptSaysThatItsLinksHaveEnded(t *testing.T) {
	for _, tt := range []struct {
		expiry time.Duration
		want   bool
	}{{-time.Minute, true}, {time.Hour, false}} {
		s := newSite(t, map[string]string{"a": "1"})
		s.expiry = tt.expiry
		text := script(t, s)
		s.mu.Lock()
		s.content = nil // now each link is answered 403
		s.mu.Unlock()
		for _, shell := range shells(t) {
			status, output := run(t, shell, t.TempDir(), text)
			if said := strings.Contains(output, "Get a fresh script"); status != 1 || said != tt.want || !strings.Contains(output, "a: the download failed") {
				t.Errorf("%s, links of %v: it ended with %d and said %q", shell, tt.expiry, status, output)
			}
		}
	}
}

func TestScriptNamesWithheldFiles(t *testing.T) {
	s := newSite(t, map[string]string{"blocked": "1", "pending": "2", "ready": "3"})
	s.Tags = map[string]map[string]string{dir + "ready": {"scan": "clean"}, dir + "blocked": {"scan": "infected"}}
	f := files.New(files.Options{Store: s, Prefix: "conversations/", Required: upload.Tag{Key: "scan", Value: "clean"}})
	var text bytes.Buffer
	if err := f.Script(t.Context(), &text, conversation(t, "c")); err != nil {
		t.Fatal(err)
	}
	if strings.Count(text.String(), "sig=") != 1 {
		t.Errorf("there are links of withheld files in\n%s", &text)
	}
	for _, shell := range shells(t) {
		status, output := run(t, shell, t.TempDir(), text.Bytes())
		if status != 1 || !strings.Contains(output, "pending: it is not released yet") || !strings.Contains(output, "blocked: it did not pass") ||
			!strings.Contains(output, "1 downloaded") {
			t.Errorf("%s: it ended with %d and said %q", shell, status, output)
		}
	}
}

// tools makes a folder with these programs alone.
func tools(t *testing.T, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip(err)
		}
		if err := os.Symlink(path, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestScriptNeedsLittle(t *testing.T) {
	s := newSite(t, map[string]string{"a": "1"})
	text := script(t, s)
	common := []string{"dash", "mkdir", "ln", "rm", "date", "wc"}
	for _, tt := range []struct {
		tools  []string
		status int
		want   string
	}{
		{[]string{"curl", "sha256sum"}, 0, "1 downloaded"},
		{[]string{"curl", "shasum", "perl"}, 0, "1 downloaded"},
		{[]string{"curl"}, 2, "neither sha256sum nor shasum is there"},
		{[]string{"sha256sum"}, 2, "curl is not there"},
	} {
		path := tools(t, append(tt.tools, common...)...)
		status, output := run(t, filepath.Join(path, "dash"), t.TempDir(), text, "PATH="+path)
		if status != tt.status || !strings.Contains(output, tt.want) {
			t.Errorf("with %q it ended with %d and said %q, want %d and %q", tt.tools, status, output, tt.status, tt.want)
		}
	}
}

func TestScriptIsReadFromAPipeAndTakesAFolder(t *testing.T) {
	s := newSite(t, map[string]string{"a": "1", "b": "2"})
	for _, shell := range shells(t) {
		folder := filepath.Join(t.TempDir(), "-new folder")
		args := append(strings.Fields(shell), "-s", "--", folder)
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Stdin = bytes.NewReader(script(t, s))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
		if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, contents(t, folder)); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", shell, diff)
		}
	}
}

// No name that a list could have leads out of the folder, or into what the script
// is at work in.
func TestScriptWritesNothingOutsideItsFolder(t *testing.T) {
	s := newSite(t, map[string]string{"a": "1", "b": "2"})
	text := script(t, s)
	for _, shell := range shells(t) {
		for _, name := range []string{"../a", "x/../../a", "../../../../a", "/a", "x//a", "./a", ".fetch-1/new/a", ".."} {
			outside := t.TempDir()
			folder := filepath.Join(outside, "1", "2")
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			status, output := run(t, shell, folder, bytes.Replace(text, []byte("fetch 'a'"), []byte("fetch '"+name+"'"), 1))
			if status != 1 || !strings.Contains(output, name+": no file can have this name here.") || !strings.Contains(output, "1 downloaded, 0 already there, 1 failed") {
				t.Errorf("%s, %s: it ended with %d and said %q", shell, name, status, output)
			}
			if got := contents(t, folder); !maps.Equal(got, map[string]string{"b": "2"}) {
				t.Errorf("%s, %s: there are %v", shell, name, got)
			}
			for _, above := range []string{outside, filepath.Dir(folder)} {
				if entries, err := os.ReadDir(above); err != nil || len(entries) != 1 {
					t.Errorf("%s, %s: it wrote %v, %v", shell, name, entries, err)
				}
			}
		}
	}
}

// A hyphen is a folder as any other, and not the one before.
func TestScriptTakesAFolderThatIsCalledHyphen(t *testing.T) {
	s := newSite(t, map[string]string{"a": "1"})
	text := script(t, s)
	for _, shell := range shells(t) {
		folder := t.TempDir()
		args := append(strings.Fields(shell), "-s", "--", "-")
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir, cmd.Stdin = folder, bytes.NewReader(text)
		cmd.Env = append(os.Environ(), "OLDPWD="+t.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
		if diff := cmp.Diff(map[string]string{"a": "1"}, contents(t, filepath.Join(folder, "-"))); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", shell, diff)
		}
	}
}

// What an interrupted run has of large files is not fetched again, if it is all
// and right.
func TestScriptTakesOverWhatAnInterruptedRunHas(t *testing.T) {
	large := strings.Repeat("large", 300_000)
	wrong := strings.Repeat("wrong", 300_000)
	s := newSite(t, map[string]string{"half": large + "h", "large": large, "small": "small", "wrong": large + "w"})
	text := script(t, s)
	dead := exec.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Skip(err)
	}
	for _, shell := range shells(t) {
		s.requests()
		folder := t.TempDir()
		left := filepath.Join(folder, fmt.Sprint(".fetch-", dead.Process.Pid))
		for name, data := range map[string]string{"of-fetch.sh": "", "new/half": large, "new/large": large, "new/small": "small", "new/wrong": wrong + "w"} {
			path := filepath.Join(left, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if status, output := run(t, shell, folder, text); status != 0 || output != "4 downloaded, 0 already there, 0 failed\n" {
			t.Errorf("%s: it ended with %d and said %q", shell, status, output)
		}
		want := map[string]string{"half": large + "h", "large": large, "small": "small", "wrong": large + "w"}
		if got := contents(t, folder); !maps.Equal(got, want) {
			t.Errorf("%s: there are %d files, some of which are wrong", shell, len(got))
		}
		asked := s.requests()
		slices.Sort(asked)
		if diff := cmp.Diff([]string{"half", "small", "wrong"}, asked); diff != "" {
			t.Errorf("%s: it asked for (-want +got):\n%s", shell, diff)
		}
	}
}

// An interrupted run says so by its status, and leaves only what the next one can use.
func TestScriptThatIsInterruptedEndsWith130(t *testing.T) {
	s := newSite(t, map[string]string{"a": "1"})
	path := filepath.Join(t.TempDir(), "fetch.sh")
	if err := os.WriteFile(path, script(t, s), 0o600); err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath("curl")
	if err != nil {
		t.Skip(err)
	}
	for _, tt := range []struct {
		name, came string
		left       int
	}{{"little", ":", 0}, {"a large file", `for f in .fetch-*; do head -c 1100000 /dev/zero >"$f/new/large"; done`, 1}} {
		stand := t.TempDir()
		text := "#!/bin/sh\ncase $* in *--version*) exec '" + real + "' \"$@\" ;; esac\n" + tt.came + "\n: >began\nexec sleep 60\n"
		if err := os.WriteFile(filepath.Join(stand, "curl"), []byte(text), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
		for _, shell := range shells(t) {
			folder := t.TempDir()
			args := append(strings.Fields(shell), path)
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "PATH="+stand+":"+os.Getenv("PATH"))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			began := filepath.Join(folder, "began")
			for _, err := os.Stat(began); err != nil; _, err = os.Stat(began) {
				time.Sleep(10 * time.Millisecond)
			}
			_ = cmd.Process.Signal(syscall.SIGTERM) // Wait tells
			_ = cmd.Wait()
			left, err := filepath.Glob(filepath.Join(folder, ".fetch-*"))
			if status := cmd.ProcessState.ExitCode(); status != 130 || len(left) != tt.left || err != nil {
				t.Errorf("%s, %s: it ended with %d and left %v, want 130 and %d folders", shell, tt.name, status, left, tt.left)
			}
		}
	}
}

// A script that did not arrive whole must not look as if it had done its work.
func TestScriptThatIsCutOffDoesNothingAndFails(t *testing.T) {
	s := newSite(t, map[string]string{"a'b": "1", "b": "2"})
	text := script(t, s)
	shell := shells(t)[0]
	for cut := len("#!/bin/sh\n{\n"); cut < len(text)-2; cut += 37 {
		folder := t.TempDir()
		status, output := run(t, shell, folder, text[:cut])
		if there := contents(t, folder); status == 0 || len(there) != 0 {
			t.Errorf("cut at %d of %d it ended with %d, made %v and said %q", cut, len(text), status, there, output)
		}
	}
	for cut := len(text) - 40; cut < len(text)-2; cut++ {
		if status, _ := run(t, shell, t.TempDir(), text[:cut]); status == 0 {
			t.Errorf("cut at %d of %d it ended with 0", cut, len(text))
		}
	}
}

func TestScriptOfNothingDoesNothing(t *testing.T) {
	s := newSite(t, nil)
	status, output := run(t, shells(t)[0], t.TempDir(), script(t, s))
	if status != 0 || output != "0 downloaded, 0 already there, 0 failed\n" {
		t.Errorf("it ended with %d and said %q", status, output)
	}
}

func TestScriptWritesNothingWhereTheStoreIsDown(t *testing.T) {
	m := filestest.Memory{Fault: func(context.Context, string, string) error { return upload.ErrUnavailable }}
	var out bytes.Buffer
	if err := newFiles(&m).Script(t.Context(), &out, conversation(t, "c")); !errors.Is(err, upload.ErrUnavailable) || out.Len() != 0 {
		t.Errorf("Script = %v after %d bytes, want ErrUnavailable after none", err, out.Len())
	}
}
