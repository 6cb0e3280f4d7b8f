package s3server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"uploadfiles/internal/local/filelock"
	"uploadfiles/internal/local/process"
)

// program is the S3 server's command. The nested module in moduleDir says which
// version, with a tool line.
const (
	program   = "github.com/versity/versitygw/cmd/versitygw"
	moduleDir = "internal/local/versitygw"
)

// Build makes the S3 server's program under .local/bin of the repository unless
// it is there, and returns its path. Processes that ask at the same time build it
// once; a build that is cut short leaves nothing that counts as built.
func Build(ctx context.Context, repository string, notify func(format string, args ...any)) (string, error) {
	repository, err := filepath.Abs(repository)
	if err != nil {
		return "", err
	}
	module := filepath.Join(repository, moduleDir)
	name, version, err := programName(module)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(repository, ".local", "bin")
	path := filepath.Join(bin, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	lock, err := lockBuild(filepath.Join(bin, "build.lock"), notify)
	if err != nil {
		return "", err
	}
	defer lock.Release()
	if _, err := os.Stat(path); err == nil {
		return path, nil // built by another while we waited
	}
	notify("Building the S3 server, versitygw %s, from its Go module: once, about a minute on two cores.", version)
	begin := time.Now()
	if err := build(ctx, module, path, notify); err != nil {
		return "", fmt.Errorf("build the S3 server: %w", err)
	}
	notify("Built the S3 server in %s.", time.Since(begin).Round(time.Second))
	return path, nil
}

var versionLine = regexp.MustCompile(`(?m)^\s*(?:require )?github\.com/versity/versitygw (v\S+)`)

// programName changes with all that the program is made of, so that a new
// version is built and an old one is never taken for it.
func programName(module string) (name, version string, err error) {
	mod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", "", err
	}
	found := versionLine.FindSubmatch(mod)
	if found == nil {
		return "", "", fmt.Errorf("%s/go.mod requires no version of versitygw", module)
	}
	version = string(found[1])
	sum := sha256.Sum256(append(mod, cutBody.to...))
	return fmt.Sprintf("versitygw-%s-%s-%s-%x", version, runtime.GOOS, runtime.GOARCH, sum[:4]), version, nil
}

func lockBuild(path string, notify func(string, ...any)) (*filelock.Lock, error) {
	lock, err := filelock.Try(path)
	if held := (*filelock.HeldError)(nil); errors.As(err, &held) {
		notify("Another process is building the S3 server. Waiting for it.")
		return filelock.Acquire(path)
	}
	return lock, err
}

// build compiles to a file of another name and renames it: what has the name is
// whole. The caller holds the lock, so older files of the kind are leftovers.
func build(ctx context.Context, module, path string, notify func(string, ...any)) error {
	unfinished := filepath.Join(filepath.Dir(path), "unfinished")
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	stop := sayEvery(10*time.Second, notify)
	defer stop()
	if err := goBuild(ctx, module, unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

// goBuild builds the program with its patch.
func goBuild(ctx context.Context, module, output string) error {
	folder := filepath.Join(filepath.Dir(output), "patch")
	if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	mod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return err
	}
	arguments := []string{"build", "-mod=readonly", "-ldflags=-s -w", "-o", output}
	if cutBody.concerns(mod) {
		modfile, err := cutBody.apply(ctx, module, folder)
		if err != nil {
			return err
		}
		arguments = append(arguments, "-modfile="+modfile)
	}
	_, err = goTool(ctx, module, append(arguments, program)...)
	return err
}

// goTool runs the go command to the same end whatever the caller's environment
// is set for, and returns what it says.
func goTool(ctx context.Context, module string, arguments ...string) (said string, err error) {
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.SysProcAttr = process.Attr()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runtime.LockOSThread() // see process.Attr
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, tail(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// sayEvery shows that something long is still going on, until stop is called.
func sayEvery(period time.Duration, notify func(string, ...any)) (stop func()) {
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		begin := time.Now()
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
				notify("Still building, %s.", time.Since(begin).Round(time.Second))
			}
		}
	}()
	return func() { close(ended); <-stopped }
}

// tail is the end of what a program said, which names the error.
func tail(said []byte) []byte {
	const most = 2000
	said = bytes.TrimSpace(said)
	if len(said) <= most {
		return said
	}
	said = said[len(said)-most:]
	if _, rest, ok := bytes.Cut(said, []byte("\n")); ok {
		return rest
	}
	return said
}
