package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"uploadfiles/internal/proof/bench/load"
)

// contender is a way to do the job.
type contender struct {
	name    string
	prepare func(context.Context, workshop) (program, error)

	idle     bool        // it does not upload: only its start is measured
	order    *load.Order // what the floor gets in place of an event; it makes no URLs
	optional bool        // it is skipped where its runtime is missing
}

// program is a contender that is ready to run.
type program struct {
	args     []string
	env      []string
	artefact string // the file or folder that would be deployed
}

// contenders are all of them, in the order of the report.
var contenders = []contender{
	{name: "nothing", prepare: goProgram("./internal/proof/bench/contenders/nothing"), idle: true},
	{name: "floor", prepare: goProgram("./internal/proof/bench/contenders/floor"), order: &load.Order{}},
	{name: "floor, parallel", prepare: goProgram("./internal/proof/bench/contenders/floor"), order: &load.Order{Parallel: true}},
	{name: "floor, SHA-256", prepare: goProgram("./internal/proof/bench/contenders/floor"), order: &load.Order{SHA256: true}},
	{name: "ours", prepare: ourProgram},
	{name: "plain Go", prepare: goProgram("./internal/proof/bench/contenders/plain")},
	{name: "plain Go, jsonv2", prepare: goProgram("./internal/proof/bench/contenders/plain", "GOEXPERIMENT=jsonv2")},
	{name: "Node", prepare: nodeProgram, optional: true},
	{name: "FastAPI", prepare: pythonProgram, optional: true},
}

// choose takes contenders by name. None means all.
func choose(names string) ([]contender, error) {
	if names == "" {
		return contenders, nil
	}
	var chosen []contender
	for name := range strings.SplitSeq(names, ";") {
		c, err := find(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

func find(name string) (contender, error) {
	var known []string
	for _, c := range contenders {
		if c.name == name {
			return c, nil
		}
		known = append(known, c.name)
	}
	return contender{}, fmt.Errorf("no contender %q: there are %s", name, strings.Join(known, "; "))
}

// variant is ours once more, with other settings or in another build, such as
// that of an earlier commit: "name: KEY=VALUE ... path".
func variant(text string) (contender, error) {
	name, rest, ok := strings.Cut(text, ":")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		return contender{}, fmt.Errorf("%q is not of the form name: KEY=VALUE ... path", text)
	}
	return contender{name: name, prepare: func(ctx context.Context, w workshop) (program, error) {
		p, err := ourProgram(ctx, w)
		if err != nil {
			return program{}, err
		}
		binary := p.artefact
		for _, field := range fields {
			if strings.Contains(field, "=") {
				p.env = append(p.env, field)
			} else {
				binary = field
			}
		}
		copied, err := w.unpack(binary, "variant "+name)
		copied.env = p.env
		return copied, err
	}}, nil
}

// artefact is the size of what is deployed, in bytes: as files, and as the zip
// file that Lambda takes.
type artefact struct{ Files, Zip int64 }

func measureArtefact(path string) (artefact, error) {
	var size artefact
	var zipped counter
	archive := zip.NewWriter(&zipped)
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		n, err := addFile(archive, path)
		size.Files += n
		return err
	})
	err = errors.Join(err, archive.Close())
	size.Zip = int64(zipped)
	return size, err
}

func addFile(archive *zip.Writer, path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close() // it was only read
	entry, err := archive.Create(path)
	if err != nil {
		return 0, err
	}
	return io.Copy(entry, file)
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
