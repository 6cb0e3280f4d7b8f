package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is on the machine already reads both archives; `make readers` installs more.
func TestReadersThatAreThereReadTheArchive(t *testing.T) {
	work := t.TempDir()
	archives, err := makeArchives(t.Context(), filepath.Join(work, "stack"), filepath.Join(work, "archives"))
	if err != nil {
		t.Fatal(err)
	}
	shop, err := newWorkshop(filepath.Join(work, "readers"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readers(shop) {
		t.Run(r.name, func(t *testing.T) {
			if len(r.install) > 0 || r.isThere() != nil {
				t.Skip("it is not there")
			}
			for i, archive := range archives {
				err := r.read(t.Context(), archive, filepath.Join(work, "out"))
				if err != nil && (i == 0 || !r.needsSizes) {
					t.Errorf("%s: %v", archive.title, err)
				}
			}
		})
	}
}

func TestAReaderThatLeavesOutAFileIsWrong(t *testing.T) {
	dir := t.TempDir()
	want := map[string][32]byte{"a.txt": {1}}
	if err := compare(dir, want); !errors.Is(err, errWrong) {
		t.Errorf("compare with a folder without files = %v, want errWrong", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("others"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := compare(dir, want); !errors.Is(err, errWrong) {
		t.Errorf("compare with other bytes = %v, want errWrong", err)
	}
	nothing, err := exec.LookPath("true")
	if err != nil {
		t.Skip("there is no program that does nothing")
	}
	r := reader{command: []string{nothing, "ARCHIVE"}}
	if err := r.read(t.Context(), archive{path: os.DevNull, sums: want}, filepath.Join(dir, "out")); !errors.Is(err, errWrong) {
		t.Errorf("read by a program that does nothing = %v, want errWrong", err)
	}
}
