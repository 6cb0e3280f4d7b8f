package s3server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"uploadfiles/internal/local/s3server"
)

// repository makes a repository whose S3 server is the given Go program.
func repository(t *testing.T, source string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "with a space")
	write(t, filepath.Join(root, "internal/local/versitygw/go.mod"), moduleFile)
	server := filepath.Join(root, "internal/local/versitygw/server")
	write(t, filepath.Join(server, "go.mod"), "module github.com/versity/versitygw\n")
	write(t, filepath.Join(server, "cmd/versitygw/main.go"), source)
	return root
}

const moduleFile = `module test

go 1.26

tool github.com/versity/versitygw/cmd/versitygw

require github.com/versity/versitygw v1.0.0

replace github.com/versity/versitygw => ./server
`

const emptyProgram = "package main\n\nfunc main() {}\n"

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func silent(string, ...any) {}

func TestManyWhoAskBuildOnce(t *testing.T) {
	root := repository(t, emptyProgram)
	var builds atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := s3server.Build(t.Context(), root, func(format string, _ ...any) {
				if strings.HasPrefix(format, "Building") {
					builds.Add(1)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if builds.Load() != 1 {
		t.Errorf("built %d times, want once", builds.Load())
	}
}

func TestABuildThatIsCutShortLeavesNoProgram(t *testing.T) {
	root := repository(t, emptyProgram)
	bin := filepath.Join(root, ".local", "bin")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s3server.Build(ctx, root, func(string, ...any) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Build = %v, want context.Canceled", err)
	}
	if programs, _ := filepath.Glob(filepath.Join(bin, "versitygw-*")); len(programs) > 0 {
		t.Errorf("the cut build left %v", programs)
	}
	write(t, filepath.Join(bin, "unfinished"), "what a killed build leaves")
	program, err := s3server.Build(t.Context(), root, silent)
	if err != nil {
		t.Fatalf("the build after it = %v", err)
	}
	if info, err := os.Stat(program); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("the program is %v, %v; want one that can run", info, err)
	}
	if _, err := os.Stat(filepath.Join(bin, "unfinished")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the killed build left is still there: %v", err)
	}
}

func TestANewVersionIsBuilt(t *testing.T) {
	root := repository(t, emptyProgram)
	old, err := s3server.Build(t.Context(), root, silent)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "internal/local/versitygw/go.mod"), strings.Replace(moduleFile, "v1.0.0", "v1.0.1", 1))
	now, err := s3server.Build(t.Context(), root, silent)
	if err != nil {
		t.Fatal(err)
	}
	if now == old || !strings.Contains(now, "v1.0.1") {
		t.Errorf("after an upgrade of %q Build = %q", old, now)
	}
}

func TestABuildThatFailsSaysWhy(t *testing.T) {
	tests := []struct {
		name, module, source, want string
	}{
		{"wrong code", moduleFile, "package main\n\nfunc main() { wrong }\n", "undefined: wrong"},
		{"no version", "module test\n", emptyProgram, "requires no version of versitygw"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := repository(t, test.source)
			write(t, filepath.Join(root, "internal/local/versitygw/go.mod"), test.module)
			_, err := s3server.Build(t.Context(), root, silent)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Build = %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestAPatchThatDoesNotFitIsReported(t *testing.T) {
	root := repository(t, emptyProgram)
	module := filepath.Join(root, "internal/local/versitygw")
	write(t, filepath.Join(module, "go.mod"), moduleFile+`
require github.com/valyala/fasthttp v1.0.0

replace github.com/valyala/fasthttp => ./fasthttp
`)
	write(t, filepath.Join(module, "fasthttp/go.mod"), "module github.com/valyala/fasthttp\n")
	write(t, filepath.Join(module, "fasthttp/streaming.go"), "package fasthttp\n")
	_, err := s3server.Build(t.Context(), root, silent)
	if want := "the text of the patch 0 times"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Build = %v, want an error with %q", err, want)
	}
}

func TestNoBuildOutsideTheRepository(t *testing.T) {
	if _, err := s3server.Build(t.Context(), t.TempDir(), silent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Build in a folder without the module = %v, want os.ErrNotExist", err)
	}
}
