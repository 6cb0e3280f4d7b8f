package main

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
	"strings"
)

// workshop is where the contenders are made.
type workshop struct {
	repository string
	dir        string // .local/bench of the repository
}

// ourProgram builds the function as it is deployed, and gives it those settings
// of the Go runtime that the template gives it.
func ourProgram(ctx context.Context, w workshop) (program, error) {
	dir := filepath.Join(w.dir, "build")
	cmd := exec.CommandContext(ctx, "make", "build-UploadFunction",
		"ARTIFACTS_DIR="+dir, "GOOS_FUNCTION="+runtime.GOOS, "GOARCH_FUNCTION="+runtime.GOARCH)
	cmd.Dir = w.repository
	if err := execute(cmd); err != nil {
		return program{}, err
	}
	template, err := os.ReadFile(filepath.Join(w.repository, "template.yaml"))
	if err != nil {
		return program{}, err
	}
	p, err := w.unpack(filepath.Join(dir, "bootstrap"), "ours")
	p.env = runtimeSettings(template)
	return p, err
}

// unpack copies a binary, as Lambda does. The file that the linker leaves lies
// in the page cache in smaller pieces, which makes a start up to half a
// millisecond longer.
func (w workshop) unpack(binary, name string) (program, error) {
	output := filepath.Join(w.dir, "bin", name)
	if err := os.RemoveAll(output); err != nil {
		return program{}, err
	}
	if err := copyFile(binary, output); err != nil {
		return program{}, err
	}
	return program{args: []string{output}, artefact: output}, os.Chmod(output, 0o700)
}

var runtimeSetting = regexp.MustCompile(`(?m)^ +(GOMAXPROCS|GOGC|GOMEMLIMIT|GODEBUG): *"?([^" \n]+)`)

func runtimeSettings(template []byte) []string {
	var env []string
	for _, setting := range runtimeSetting.FindAllSubmatch(template, -1) {
		env = append(env, fmt.Sprintf("%s=%s", setting[1], setting[2]))
	}
	return env
}

// buildTags and linkerFlags are those that AWS's documentation of Go on Lambda
// gives (https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html), and
// no debug information.
const (
	buildTags   = "lambda.norpc"
	linkerFlags = "-s -w"
)

// goProgram builds a command of this module, with more environment if need be.
func goProgram(command string, env ...string) func(context.Context, workshop) (program, error) {
	return func(ctx context.Context, w workshop) (program, error) {
		name := strings.Join(append([]string{filepath.Base(command)}, env...), "-")
		output := filepath.Join(w.dir, "build", name)
		cmd := exec.CommandContext(ctx, "go", "build", "-tags", buildTags, "-trimpath", "-ldflags", linkerFlags, "-o", output, command)
		cmd.Dir = w.repository
		cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
		if err := execute(cmd); err != nil {
			return program{}, err
		}
		return w.unpack(output, name)
	}
}

// pythonProgram installs FastAPI and what it needs beside the handler, as one
// does for a zip file. The runtime client is the one that AWS has in its images.
func pythonProgram(ctx context.Context, w workshop) (program, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return program{}, err
	}
	source := filepath.Join(w.repository, "internal/proof/bench/contenders/fastapi")
	dir := filepath.Join(w.dir, "fastapi")
	err = install(source, dir, []string{"handler.py", "requirements.txt"}, func() error {
		cmd := exec.CommandContext(ctx, python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet",
			"--require-hashes", "--only-binary", ":all:", "--target", dir, "-r", "requirements.txt")
		cmd.Dir = dir
		return execute(cmd)
	})
	return program{
		args:     []string{python, "-m", "awslambdaric", "handler.handler"},
		env:      []string{"PYTHONPATH=" + dir, "LAMBDA_TASK_ROOT=" + dir},
		artefact: dir,
	}, err
}

// nodeProgram bundles the handler into one file.
func nodeProgram(ctx context.Context, w workshop) (program, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return program{}, err
	}
	source := filepath.Join(w.repository, "internal/proof/bench/contenders/node")
	dir := filepath.Join(w.dir, "node")
	files := []string{"index.js", "runtime.js", "package.json", "package-lock.json"}
	err = install(source, dir, files, func() error {
		for _, args := range [][]string{{"ci", "--no-audit", "--no-fund"}, {"run", "build"}} {
			cmd := exec.CommandContext(ctx, "npm", args...)
			cmd.Dir = dir
			if err := execute(cmd); err != nil {
				return err
			}
		}
		return nil
	})
	bundle := filepath.Join(dir, "dist", "index.cjs")
	return program{args: []string{node, bundle}, artefact: bundle}, err
}

// install copies the files to dir and calls install there, unless that was done
// with the same files before.
func install(source, dir string, files []string, install func() error) error {
	sum, err := hashFiles(source, files)
	if err != nil {
		return err
	}
	mark := dir + ".installed" // beside the folder: it is not deployed
	if done, err := os.ReadFile(mark); err == nil && string(done) == sum {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, name := range files {
		if err := copyFile(filepath.Join(source, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := install(); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(sum), 0o600)
}

func hashFiles(dir string, files []string) (string, error) {
	hash := sha256.New()
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(content), content)
	}
	return fmt.Sprintf("%x\n", hash.Sum(nil)), nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// execute runs a command; its error holds what it printed.
func execute(cmd *exec.Cmd) error {
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, bytes.TrimSpace(said))
	}
	return nil
}

// openWorkshop finds the repository from the working folder.
func openWorkshop() (workshop, error) {
	dir, err := os.Getwd()
	if err != nil {
		return workshop{}, err
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			w := workshop{repository: dir, dir: filepath.Join(dir, ".local", "bench")}
			return w, os.MkdirAll(filepath.Join(w.dir, "log"), 0o750)
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return workshop{}, fmt.Errorf("find the repository: %w", err)
		}
		dir = filepath.Dir(dir)
	}
}
