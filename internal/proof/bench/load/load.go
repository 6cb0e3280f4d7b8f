// Package load is what the contenders are fed: files that are the same on every
// machine.
package load

import (
	"fmt"
	"math/rand/v2"
)

// Size is a kind of upload.
type Size struct {
	Name  string
	Files int
	Bytes int // in each file
}

// Sizes are all kinds of upload, in the order of the report.
var Sizes = []Size{
	{"1 KiB", 1, 1 << 10},
	{"1 MiB", 1, 1 << 20},
	{"4 MiB", 1, 4 << 20},
	{"10 x 400 KiB", 10, 400 << 10},
}

// ByName finds a size.
func ByName(name string) (Size, error) {
	for _, s := range Sizes {
		if s.Name == name {
			return s, nil
		}
	}
	return Size{}, fmt.Errorf("no size %q", name)
}

// FileName is the name of the i-th file.
func (s Size) FileName(i int) string { return fmt.Sprintf("file-%d.bin", i) }

// Content is the content of the i-th file. It looks random, so that nothing on
// the way can compress it.
func (s Size) Content(i int) []byte {
	var seed [32]byte
	copy(seed[:], fmt.Sprintf("%s %d", s.Name, i))
	content := make([]byte, s.Bytes)
	_, _ = rand.NewChaCha8(seed).Read(content) // never fails
	return content
}

// Key is the key of an object, as every contender makes it.
func Key(conversation, name string) string {
	return "conversations/" + conversation + "/" + name
}

// Conversation is the id of the n-th conversation. All have the same length.
func Conversation(n int) string { return fmt.Sprintf("bench-%09d", n) }

// Order is the event of the floor, which has the files already.
type Order struct {
	Size         string `json:"size"` // name of a [Size]
	Conversation string `json:"conversation"`
	Parallel     bool   `json:"parallel"` // put all files at once
	SHA256       bool   `json:"sha256"`   // give the store that checksum, not the SDK's default
}

// Answer is the body of the answer to an upload.
type Answer struct {
	FileURLs     []string `json:"file_urls"`
	SkippedFiles []string `json:"skipped_files"`
}
