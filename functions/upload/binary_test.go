package main_test

import (
	"bytes"
	"os"
	"testing"

	"uploadfiles/internal/proof/binarytest"
)

func TestTheBinaryIsSmall(t *testing.T) {
	binarytest.IsSmall(t, binarytest.Build(t, "UploadFunction"))
}

func TestTheBinaryHoldsNothingThatItDoesNotNeed(t *testing.T) {
	const files = "it is for the files function"
	binarytest.HoldsOnlyWhatItNeeds(t, map[string]string{
		"uploadfiles/internal/deployed/files":         files,
		"uploadfiles/internal/deployed/filesapi":      files,
		"uploadfiles/internal/deployed/filesfunction": files,
		"uploadfiles/internal/deployed/page":          files,
		"uploadfiles/internal/deployed/textfile":      files,
		"github.com/gogs/chardet":                     files,
		"archive/zip":                                 files,
	})
}

// The linker leaves out what no code reaches, so what the files function asks of
// S3 is not in this one, as long as no interface here names it.
func TestTheBinaryCannotListOrDelete(t *testing.T) {
	binary, err := os.ReadFile(binarytest.Build(t, "UploadFunction"))
	if err != nil {
		t.Fatal(err)
	}
	has := func(operation string) bool {
		return bytes.Contains(binary, []byte("service/s3.(*Client)."+operation+"\x00"))
	}
	if !has("PutObject") {
		t.Error("the binary has no PutObject, so functions cannot be found in it by name")
	}
	for _, operation := range []string{"ListObjectsV2", "DeleteObject", "GetObject"} {
		if has(operation) {
			t.Errorf("%s is in the binary", operation)
		}
	}
}
