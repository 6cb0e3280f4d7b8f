package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadfiles/internal/local/secretstore"
)

// The tests run this binary as the program.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_TEST_PROGRAM") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is a running stack, as its user sees it.
type program struct {
	dir    string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	output string // all that was printed until it ran
	url    string // that the curl line posts to
	key    string // that it sends
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func command(dir string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RUN_TEST_PROGRAM=1", "LOCAL_DIR="+dir)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

var curlLine = regexp.MustCompile(`-H 'X-Session-API-Key: (\S+)' (http://\S+)`)

func start(t *testing.T) *program {
	t.Helper()
	p := &program{dir: filepath.Join(t.TempDir(), "local state")}
	p.cmd = command(p.dir, "PORT="+freePort(t), "S3_PORT="+freePort(t))
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		p.output += lines.Text() + "\n"
		if found := curlLine.FindStringSubmatch(lines.Text()); found != nil {
			p.key, p.url = found[1], found[2]
			return p
		}
	}
	t.Fatalf("it ended without a curl line:\n%s%s", p.output, &p.stderr)
	return nil
}

func (p *program) upload(t *testing.T, key, name string, content []byte) (*http.Response, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("files", name)
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	form.Close()
	request, _ := http.NewRequest(http.MethodPost, p.url, &body)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("X-Session-API-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func (p *program) serverPID(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "versitygw.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls: what another process does cannot be waited for otherwise.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 300 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

func TestAFileGoesInAndComesBackAndSignalsLeaveNoProcess(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			p := start(t)
			content := []byte("\x89PNG\r\n\x1a\n\x00\xff")
			response, text := p.upload(t, p.key, "日本.png", content)
			var answer struct {
				FileURLs []string `json:"file_urls"`
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil || response.StatusCode != http.StatusOK || len(answer.FileURLs) != 1 {
				t.Fatalf("upload = %d %s", response.StatusCode, text)
			}
			got, err := http.Get(answer.FileURLs[0])
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			if data, _ := io.ReadAll(got.Body); !bytes.Equal(data, content) {
				t.Errorf("the URL gives %d %q, want %q", got.StatusCode, data, content)
			}
			if docs, err := http.Get(p.url[:strings.Index(p.url, "/api/")] + "/docs/"); err != nil || docs.StatusCode != http.StatusOK {
				t.Errorf("the API's description: %v, %v", docs, err)
			}
			server := p.serverPID(t)
			p.cmd.Process.Signal(signal)
			p.cmd.Process.Signal(signal) // some send it to the process and to its group
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("it ended with %v\n%s", err, &p.stderr)
			}
			if err := syscall.Kill(server, 0); err != syscall.ESRCH {
				t.Errorf("the S3 server is still there: %v", err)
			}
		})
	}
}

func TestThePageMayReachTheStore(t *testing.T) {
	p := start(t)
	site, _, _ := strings.Cut(p.url, "/api/")
	page, err := http.Get(site)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	if got := page.Header.Get("Content-Type"); page.StatusCode != http.StatusOK || got != "text/html; charset=utf-8" {
		t.Errorf("the page is answered %s as %q", page.Status, got)
	}
	_, text := p.upload(t, p.key, "a.txt", []byte("a"))
	store := regexp.MustCompile(`"file_urls":\["(https?://[^/]+)/`).FindStringSubmatch(text)
	policy := page.Header.Get("Content-Security-Policy")
	if store == nil || !strings.Contains(policy, "connect-src 'self' "+store[1]+";") {
		t.Errorf("files go to %q, the policy is %q", store, policy)
	}
}

func TestANewKeyInTheFileCountsAndTheOldOneStops(t *testing.T) {
	p := start(t)
	const renewed = "a-new-session-key-0123456789"
	if response, text := p.upload(t, p.key, "a.txt", []byte("a")); response.StatusCode != http.StatusOK {
		t.Fatalf("upload = %d %s", response.StatusCode, text)
	}
	err := secretstore.Save(filepath.Join(p.dir, "secrets.json"), secretstore.Secrets{
		"upload-files/session-key": {secretstore.Current: renewed},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old key still opens", func() bool {
		response, _ := p.upload(t, p.key, "a.txt", []byte("a"))
		return response.StatusCode == http.StatusUnauthorized
	})
	if response, text := p.upload(t, renewed, "a.txt", []byte("a")); response.StatusCode != http.StatusOK {
		t.Errorf("with the new key: %d %s", response.StatusCode, text)
	}
}

func TestAKilledS3ServerCostsAtMostA503(t *testing.T) {
	p := start(t)
	if response, text := p.upload(t, p.key, "before.txt", []byte("a")); response.StatusCode != http.StatusOK {
		t.Fatalf("upload = %d %s", response.StatusCode, text)
	}
	syscall.Kill(p.serverPID(t), syscall.SIGKILL)
	eventually(t, "uploads do not work again", func() bool {
		response, text := p.upload(t, p.key, "after.txt", []byte("b"))
		unavailable := response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != ""
		if response.StatusCode != http.StatusOK && !unavailable {
			t.Fatalf("while the S3 server was down: %d %v %s", response.StatusCode, response.Header, text)
		}
		return response.StatusCode == http.StatusOK
	})
	_, text := p.upload(t, p.key, "before.txt", []byte("a"))
	if !strings.Contains(text, `"before.txt"`) || strings.Contains(text, "~") {
		t.Errorf("the file of before is gone: the same upload is answered %s", text)
	}
}

func TestWhatPreventsAStartIsSaidInOneLine(t *testing.T) {
	running := start(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := []struct {
		name string
		dir  string
		env  []string
		want string
	}{
		{"it runs already", running.dir, nil, fmt.Sprintf("it is running already: process %d, http://localhost:", running.cmd.Process.Pid)},
		{"the port is in use", t.TempDir(), []string{"PORT=" + port}, "port " + port + " is in use by another program; PORT="},
		{"the S3 port is in use", t.TempDir(), []string{"PORT=" + freePort(t), "S3_PORT=" + port}, "port " + port + " is in use by another program; S3_PORT="},
		{"no port", t.TempDir(), []string{"PORT=http"}, `PORT is "http": write a port from 1 to 65535, such as 3000`},
		{"no S3 port", t.TempDir(), []string{"S3_PORT=0"}, `S3_PORT is "0": write a port from 1 to 65535`},
		{"a wrong setting", t.TempDir(), []string{"PORT=" + freePort(t), "S3_PORT=" + freePort(t), "MAX_FILES=none"}, `MAX_FILES is "none"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := command(test.dir, test.env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if _, failed := err.(*exec.ExitError); !failed {
				t.Errorf("it ended with %v, want a failure", err)
			}
			said := stderr.String()
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "make run: "+test.want) || stdout.Len() > 0 {
				t.Errorf("it said %q and printed %q, want one line: %s", said, &stdout, test.want)
			}
		})
	}
}

func TestThePrintedLineNeedsNoEditing(t *testing.T) {
	for word, want := range map[string]string{
		"/plain/path.md":          "/plain/path.md",
		"/a path/with 'quotes'":   `'/a path/with '\''quotes'\'''`,
		"$(rm -rf /)":             `'$(rm -rf /)'`,
		"X-Session-API-Key: ABC1": `'X-Session-API-Key: ABC1'`,
	} {
		got := quote(word)
		if got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
		if out, err := exec.Command("sh", "-c", "printf %s "+got).Output(); err != nil || string(out) != word {
			t.Errorf("the shell reads %s as %q, %v", got, out, err)
		}
	}
}

func TestThePrintedKeyIsTheOneInTheSecret(t *testing.T) {
	for value, want := range map[string]string{
		"plain-key-0123456789":                    "plain-key-0123456789",
		"plain-key-0123456789\n":                  "plain-key-0123456789",
		`{"session_api_key": "key-in-an-object"}`: "key-in-an-object",
	} {
		if got := sessionKey(value); got != want {
			t.Errorf("sessionKey(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	tests := []struct {
		name string
		file *os.File
		env  map[string]string
		want string
	}{
		{"terminal", device, nil, "\x1b[1mtext\x1b[0m"},
		{"NO_COLOR", device, map[string]string{"NO_COLOR": "1"}, "text"},
		{"a terminal without", device, map[string]string{"TERM": "dumb"}, "text"},
		{"file", file, nil, "text"},
	}
	for _, test := range tests {
		if got := colours(test.file, func(name string) string { return test.env[name] }).bold("text"); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
