package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed programs
var programs embed.FS

// workshop is a folder with the programs of this package, and what is installed
// for them.
type workshop struct{ dir string }

func newWorkshop(dir string) (workshop, error) {
	w := workshop{filepath.Join(dir, "programs")}
	err := fs.WalkDir(programs, "programs", func(path string, entry fs.DirEntry, err error) error {
		to := filepath.Join(dir, path)
		if err != nil || entry.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		data, err := programs.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o600)
	})
	return w, err
}

func (w workshop) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// reader reads archives. In its commands ARCHIVE stands for the path of one, and OUT
// for the folder to write to, which is the working folder too. Unless a command
// names ARCHIVE, the archive comes on its standard input.
type reader struct {
	name       string
	command    []string
	env        []string // in place of a UTF-8 locale
	version    []string // a command that prints it
	install    [][]string
	in         string // where to install
	needsSizes bool   // cannot read an entry that has its size behind it, as it says itself
}

// readers are those that are tried. Those that read a pipe, or stream, go through
// the archive from front to back; the others begin with its directory.
func readers(w workshop) []reader {
	java := func(main, library string) []string {
		return []string{"java", "-cp", w.path("java", "lib", "*"), w.path("java", main), library, "OUT"}
	}
	node := func(library string) reader {
		return reader{
			name: "Node " + library, command: []string{"node", w.path("node", "read.js"), library, "OUT"}, in: w.path("node"),
			version: []string{"node", "-p", "require('./node_modules/" + library + "/package.json').version"},
			install: [][]string{{"npm", "install", "--no-audit", "--no-fund", "--silent"}},
		}
	}
	yauzl, zipjs := node("yauzl"), node("zip.js")
	yauzl.name += ", file"
	yauzl.command = append(yauzl.command, "ARCHIVE")
	zipjs.version[2] = "require('./node_modules/@zip.js/zip.js/package.json').version"
	python := w.path("python", "bin", "python3")
	maven := [][]string{{"mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib"}}
	jar := func(library string) []string {
		return []string{"sh", "-c", "cd lib && ls " + library + "*"}
	}
	return []reader{
		{name: "unzip", command: []string{"unzip", "-q", "ARCHIVE"}, version: []string{"unzip", "-v"}},
		{name: "unzip, C locale", command: []string{"unzip", "-q", "ARCHIVE"}, version: []string{"unzip", "-v"}, env: []string{"LC_ALL=C"}},
		{name: "busybox unzip, file", command: []string{"busybox", "unzip", "-q", "ARCHIVE"}, version: []string{"busybox"}},
		{name: "busybox unzip, pipe", command: []string{"busybox", "unzip", "-q", "-"}, version: []string{"busybox"}, needsSizes: true},
		{name: "bsdtar, file", command: []string{"bsdtar", "-xf", "ARCHIVE"}, version: []string{"bsdtar", "--version"}},
		{name: "bsdtar, pipe", command: []string{"bsdtar", "-xf", "-"}, version: []string{"bsdtar", "--version"}},
		{name: "7z", command: []string{"7z", "x", "-y", "ARCHIVE"}, version: []string{"7z"}},
		{name: "Java ZipInputStream", command: []string{"java", w.path("java", "Stream.java"), "OUT"}, version: []string{"java", "-version"}},
		{name: "jar, file", command: []string{"jar", "xf", "ARCHIVE"}, version: []string{"jar", "--version"}},
		{name: "jar, pipe", command: []string{"jar", "x"}, version: []string{"jar", "--version"}},
		{name: "fastjar, file", command: []string{"fastjar", "xf", "ARCHIVE"}, version: []string{"fastjar", "--version"}},
		{name: "fastjar, pipe", command: []string{"fastjar", "x"}, version: []string{"fastjar", "--version"}},
		{name: "commons-compress stream", command: java("Libraries.java", "commons-compress"), version: jar("commons-compress"), install: maven, in: w.path("java")},
		{name: "zip4j stream", command: java("Libraries.java", "zip4j"), version: jar("zip4j"), install: maven, in: w.path("java")},
		{name: "Python zipfile", command: []string{"python3", w.path("python_zipfile.py"), "ARCHIVE", "OUT"}, version: []string{"python3", "--version"}},
		{
			name: "Python stream-unzip", command: []string{python, w.path("python_stream.py"), "OUT"}, in: w.dir,
			version: []string{python, "-c", "import importlib.metadata; print(importlib.metadata.version('stream-unzip'))"},
			install: [][]string{{"python3", "-m", "venv", w.path("python")}, {python, "-m", "pip", "install", "-q", "stream-unzip==0.0.101"}},
		},
		yauzl, node("unzipper"), node("unzip-stream"), node("fflate"), zipjs,
		{
			name: "Rust zip stream", command: []string{w.path("rust", "target", "release", "readers"), "OUT"}, in: w.path("rust"), needsSizes: true,
			version: []string{"cargo", "tree", "--prefix", "none", "--depth", "1", "--manifest-path", w.path("rust", "Cargo.toml")},
			install: [][]string{{"cargo", "build", "--release", "--quiet"}},
		},
		{name: "rubyzip InputStream", command: []string{"ruby", w.path("ruby_stream.rb"), "OUT"}, version: []string{"ruby", "-rzip", "-rzip/version", "-e", "puts Zip::VERSION"}, needsSizes: true},
		{name: "Perl IO::Uncompress stream", command: []string{"perl", w.path("perl_stream.pl"), "OUT"}, version: []string{"perl", "-MIO::Uncompress::Unzip", "-e", "print $IO::Uncompress::Unzip::VERSION"}},
	}
}

// prepare installs what the reader needs, unless it is there.
func (r reader) prepare(ctx context.Context) error {
	if _, err := exec.CommandContext(ctx, r.version[0], r.version[1:]...).CombinedOutput(); err != nil && len(r.install) == 0 && !hasRun(err) {
		return err
	}
	done := filepath.Join(r.in, "."+strings.ReplaceAll(r.name, " ", "-")+".installed")
	if _, err := os.Stat(done); err == nil || len(r.install) == 0 {
		return r.isThere()
	}
	for _, command := range r.install {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir = r.in
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, firstLine(string(out)))
		}
	}
	return os.WriteFile(done, nil, 0o600)
}

// hasRun holds where a program ran, though it did not like what it was asked.
func hasRun(err error) bool {
	_, ok := err.(*exec.ExitError) //nolint:errorlint // of exec itself
	return ok
}

func (r reader) isThere() error {
	_, err := exec.LookPath(r.command[0])
	if err == nil && r.command[0] == "ruby" {
		err = exec.Command("ruby", "-rzip", "-e", "").Run() //nolint:noctx // it takes no time
	}
	return err
}

// versionOf is the first line of what the version's command prints that has a digit.
func (r reader) versionOf(ctx context.Context) string {
	cmd := exec.CommandContext(ctx, r.version[0], r.version[1:]...)
	cmd.Dir = r.in
	out, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.ContainsAny(line, "0123456789") && !strings.HasPrefix(line, "readers ") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "(")
			return firstLine(line[:min(len(line), 40)])
		}
	}
	return "?"
}

// readTime is longer than any of them takes.
const readTime = 2 * time.Minute

// read reads an archive into a folder and compares what is there.
func (r reader) read(ctx context.Context, a archive, out string) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	replace := strings.NewReplacer("ARCHIVE", a.path, "OUT", out)
	var args []string
	isNamed := false
	for _, arg := range r.command {
		isNamed = isNamed || arg == "ARCHIVE"
		args = append(args, replace.Replace(arg))
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = out
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if r.env != nil {
		cmd.Env = append(os.Environ(), r.env...)
	}
	if !isNamed {
		data, err := os.ReadFile(a.path)
		if err != nil {
			return err
		}
		cmd.Stdin = bytes.NewReader(data) // not a file, in which a reader could seek
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %w: %s", errWrong, err, telling(string(text)))
	}
	return compare(out, a.sums)
}

// telling is the line of an output that says most.
func telling(text string) string {
	for line := range strings.Lines(text) {
		if lower := strings.ToLower(line); strings.Contains(lower, "error") || strings.Contains(lower, "exception") || strings.Contains(lower, "not supported") {
			return strings.TrimSpace(line)
		}
	}
	return firstLine(text)
}

// compare holds the files of a folder against the hashes that they should have.
func compare(dir string, want map[string][32]byte) error {
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum, ok := want[filepath.ToSlash(name)]
		switch {
		case !ok:
			return fmt.Errorf("%w: %q is in no archive", errWrong, name)
		case sum != sha256.Sum256(data):
			return fmt.Errorf("%w: %q has %d bytes, and others", errWrong, name, len(data))
		}
		found++
		return nil
	})
	if err == nil && found != len(want) {
		err = fmt.Errorf("%w: %d files of %d", errWrong, found, len(want))
	}
	return err
}
