package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tools are programs in Python, each with its dependencies in a folder of its
// own below dir.
type tools struct{ dir string }

// pythons are the versions on which every locked tool was tried.
const pythons = ">=3.11,<3.14"

// installTools installs what the lock files say, unless it is there.
func installTools(ctx context.Context, dir string) (tools, error) {
	t := tools{dir}
	for _, name := range []string{"sam", "checkov", "localstack"} {
		if err := t.install(ctx, name); err != nil {
			return t, err
		}
	}
	return t, nil
}

// lockFile is where the versions and hashes of a tool are.
func lockFile(name string) string {
	return filepath.Join("internal", "proof", "e2e", "tools", name+".txt")
}

// installed says whether the tool is there as the lock file has it. The copy of
// the lock file is written last, so that a broken installation does not count.
func (t tools) installed(name string) (lock []byte, ok bool, err error) {
	lock, err = os.ReadFile(lockFile(name))
	if err != nil {
		return nil, false, err
	}
	had, err := os.ReadFile(t.stamp(name))
	return lock, err == nil && bytes.Equal(had, lock), nil
}

func (t tools) stamp(name string) string { return filepath.Join(t.dir, name, "installed.txt") }

func (t tools) install(ctx context.Context, name string) error {
	lock, ok, err := t.installed(name)
	if ok || err != nil {
		return err
	}
	uv, err := t.uv(ctx)
	if err != nil {
		return err
	}
	say("installing %s", name)
	home := filepath.Join(t.dir, name)
	if err := quietly(command(ctx, uv, "venv", "--quiet", "--clear", "--python", pythons, home)); err != nil {
		return fmt.Errorf("a Python %s is missing and cannot be had (on Debian: apt-get install python3): %w", pythons, err)
	}
	err = quietly(command(ctx, uv, "pip", "sync", "--quiet", "--require-hashes",
		"--python", filepath.Join(home, "bin", "python"), lockFile(name)))
	if err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	return os.WriteFile(t.stamp(name), lock, 0o644)
}

// uv returns the path of uv: the one that is there, or else one of our own,
// installed by pip.
func (t tools) uv(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("uv"); err == nil {
		return path, nil
	}
	home := filepath.Join(t.dir, "uv")
	path := filepath.Join(home, "bin", "uv")
	lock, ok, err := t.installed("uv")
	if ok || err != nil {
		return path, err
	}
	say("installing uv")
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("Python is missing: install Python %s (on Debian: apt-get install python3 python3-venv)", pythons)
	}
	if err := quietly(command(ctx, python, "-m", "venv", "--clear", home)); err != nil {
		return "", fmt.Errorf("Python's venv is missing (on Debian: apt-get install python3-venv): %w", err)
	}
	err = quietly(command(ctx, filepath.Join(home, "bin", "python"), "-m", "pip", "install",
		"--quiet", "--require-hashes", "--requirement", lockFile("uv")))
	if err != nil {
		return "", fmt.Errorf("install uv: %w", err)
	}
	return path, os.WriteFile(t.stamp("uv"), lock, 0o644)
}

// command makes a command of a program of an installed tool.
func (t tools) command(ctx context.Context, tool, program string, args ...string) *exec.Cmd {
	cmd := command(ctx, filepath.Join(t.dir, tool, "bin", program), args...)
	cmd.Env = append(withoutAWS(os.Environ()),
		"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey, "AWS_DEFAULT_REGION="+region,
		"AWS_EC2_METADATA_DISABLED=true", "SAM_CLI_TELEMETRY=0", "LOG_LEVEL=ERROR", "NO_COLOR=1")
	return cmd
}

// withoutAWS leaves out what the user has set up for an account of AWS: nothing
// here is to reach one.
func withoutAWS(environment []string) []string {
	return slices.DeleteFunc(environment, func(e string) bool { return strings.HasPrefix(e, "AWS_") })
}

func (t tools) sam(ctx context.Context, args ...string) *exec.Cmd {
	return t.command(ctx, "sam", "sam", args...)
}
