package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/contract"
)

// manyFiles is more than a stand-in for S3 is sure to store before the function's
// deadline, which the tests set low.
const manyFiles = 100

// The requests of the contract that are about forms. Those about methods and
// paths are left out: SAM's gateway knows only what the template routes, and
// hands on a path that is decoded.
func TestFormsOfTheContractAreUnderstood(t *testing.T) {
	const path = "/api/conversations/abc123/upload-files"
	key := sessionKey(t)
	ran := 0
	for _, v := range contract.Vectors() {
		if v.Request.Method != http.MethodPost || v.Request.Path != path || len(v.Want.Files) > manyFiles {
			continue
		}
		ran++
		t.Run(v.Name, func(t *testing.T) {
			id := conversation(t)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, uploadURL(id), bytes.NewReader(v.Request.Body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range v.Request.Headers {
				r.Header.Set(name, value)
			}
			r.Header.Set("X-Session-API-Key", key)
			got, err := do(r)
			if err != nil {
				t.Fatal(err)
			}
			if got.status != v.Want.Status {
				t.Fatalf("status %d, want %d; body %.500s", got.status, v.Want.Status, got.body)
			}
			if got.status != http.StatusOK {
				checkError(t, got.body, v.Want.JSON)
				if names := stored(t, id); len(names) != 0 {
					t.Errorf("stored %q", names)
				}
				return
			}
			checkFiles(t, got, v.Want.Files)
		})
	}
	if ran < 50 {
		t.Errorf("%d requests are about forms, want 50 or more", ran)
	}
}

func checkError(t *testing.T, got, want []byte) {
	t.Helper()
	var gotJSON, wantJSON any
	if err := json.Unmarshal(got, &gotJSON); err != nil {
		t.Fatalf("body %s: %v", got, err)
	}
	if err := json.Unmarshal(want, &wantJSON); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantJSON, gotJSON); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// checkFiles compares the files that are stored: names are made safe on the way,
// sizes and hashes stay.
func checkFiles(t *testing.T, got answer, files []contract.File) {
	t.Helper()
	type content struct {
		Size   int64
		SHA256 string
	}
	var want, stored []content
	for _, f := range files {
		if f.SkipCode == "" {
			want = append(want, content{int64(f.Size), strings.ToLower(f.SHA256)})
		}
	}
	for _, f := range got.Files {
		stored = append(stored, content{f.Size, f.SHA256})
	}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
