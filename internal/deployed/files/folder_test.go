package files_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/upload"
)

// What no upload can have made is in no folder, and makes none.
func TestAFolderHasOnlyWhatUploadsMade(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a.txt", "d/b.txt", "d/e/c.txt", "d/", "d/e/", "-rf/x", "CON/x", "../up", "d/../up", "d//x", "d/ x/y", "d/trail./x", "z\u202e/x")
	c := conversation(t, "c")
	for folder, want := range map[string][]string{
		"": {"d/", "a.txt"}, "d": {"d/e/", "d/b.txt"}, "d/e/": {"d/e/c.txt"}, "-rf": {}, "..": {"d/", "a.txt"}, "d/..": {"d/e/", "d/b.txt"},
	} {
		for _, limit := range []int{1, 2, 1000} {
			var folders, found []string
			for after := ""; ; {
				listing, err := f.Folder(t.Context(), c, folder, after, limit)
				if err != nil {
					t.Fatal(err)
				}
				folders, found = append(folders, listing.Folders...), append(found, names(listing.Files)...)
				if after = listing.Next; after == "" {
					break
				}
			}
			if diff := cmp.Diff(want, append([]string{}, slices.Concat(folders, found)...)); diff != "" {
				t.Errorf("%q by pages of %d (-want +got):\n%s", folder, limit, diff)
			}
		}
		got, err := f.Names(t.Context(), c, folder)
		if diff := cmp.Diff(want, append([]string{}, got...)); diff != "" || err != nil {
			t.Errorf("the names in %q, %v (-want +got):\n%s", folder, err, diff)
		}
	}
}

func TestAFolderThatCannotBeListedIsAnError(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "d/a.txt")
	fail := ""
	m.Fault = func(_ context.Context, call, _ string) error {
		if call == fail {
			return upload.ErrUnavailable
		}
		return nil
	}
	fail = "list"
	if _, err := f.Folder(t.Context(), conversation(t, "c"), "d", "", 10); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Folder = %v, want ErrUnavailable", err)
	}
	if _, err := f.Names(t.Context(), conversation(t, "c"), "d"); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Names = %v, want ErrUnavailable", err)
	}
	fail = "head"
	if _, err := f.Folder(t.Context(), conversation(t, "c"), "d", "", 10); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Folder whose files cannot be asked for = %v, want ErrUnavailable", err)
	}
}
