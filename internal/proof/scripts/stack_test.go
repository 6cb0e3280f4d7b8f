// Package scripts_test runs the scripts that agents are given, put.sh and
// fetch.sh, in real shells against the local stack.
package scripts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
)

// stack is both functions behind the local gateway.
type stack struct{ *local.Stack }

func start(t *testing.T, env map[string]string) stack {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	return stack{localtest.Start(t, local.Options{
		Getenv: func(name string) string { return env[name] },
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			settings, err := uploadfunction.ParseSettings(getenv)
			return uploadfunction.New(cfg, settings, log), err
		},
		Files: func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
			settings, err := filesfunction.ParseSettings(getenv)
			return filesfunction.New(cfg, settings, log), err
		},
	})}
}

// get asks for something of a conversation.
func (s stack) get(t *testing.T, conversation, path string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/conversations/"+conversation+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Session-API-Key", s.SecretValue)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s = %d %v\n%.500s", path, response.StatusCode, err, body)
	}
	return body
}

// files are the names and the bytes of what is there.
func (s stack) files(t *testing.T, conversation string) map[string]string {
	t.Helper()
	there := map[string]string{}
	cursor := ""
	for {
		var page struct {
			Files []struct{ Name, URL string }
			Next  *string
		}
		if err := json.Unmarshal(s.get(t, conversation, "/files?limit=1000&cursor="+cursor), &page); err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Files {
			response, err := http.Get(f.URL)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			there[f.Name] = string(body)
		}
		if page.Next == nil {
			return there
		}
		cursor = *page.Next
	}
}

// A run is a script on its way.
type run struct {
	shell, script string
	folder        string
	env           []string
	args          []string
}

// script fetches a script and readies it to be run in a folder, with the session
// key in its environment and with a home and a folder for temporary files of its own.
func (s stack) script(t *testing.T, name, conversation, folder string, args ...string) *run {
	t.Helper()
	home := t.TempDir()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, s.get(t, conversation, "/"+name), 0o600); err != nil {
		t.Fatal(err)
	}
	return &run{"sh", path, folder, []string{"HOME=" + home, "TMPDIR=" + home, "XDG_STATE_HOME=" + home + "/state", "SESSION_API_KEY=" + s.SecretValue}, args}
}

func (r *run) command(ctx context.Context) *exec.Cmd {
	args := append(append(strings.Fields(r.shell), r.script), r.args...)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = r.folder
	cmd.Env = append(os.Environ(), r.env...)
	return cmd
}

func (r *run) run(t *testing.T) (status int, out, errOut string) {
	t.Helper()
	cmd := r.command(t.Context())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// needs skips a test where a program is not there.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip(err)
		}
	}
}

// shells are the command lines of those that are there.
func shells() []string {
	var there []string
	for _, shell := range []string{"dash", "bash --posix", "busybox sh", "mksh", "yash", "zsh --emulate sh"} {
		if _, err := exec.LookPath(strings.Fields(shell)[0]); err == nil {
			there = append(there, shell)
		}
	}
	return there
}

// write makes files below a folder.
func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tree is all that is below a folder: bytes of files, and what else there is.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	there := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			there[name] = d.Type().String()
			return nil
		}
		data, err := os.ReadFile(path)
		there[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// standIn puts a program of this text before the one of its name.
func (r *run) standIn(t *testing.T, name, text string) {
	t.Helper()
	real, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	folder := t.TempDir()
	text = "#!/bin/sh\nREAL='" + real + "'\n" + text + "\n"
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	r.env = append(r.env, "PATH="+folder+":"+os.Getenv("PATH"))
}
