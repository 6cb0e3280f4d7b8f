//go:build !race

package files_test

// What TestArchiveFromS3 packs, so many small files and two of so many bytes, and
// the bytes of memory that it may take.
const archiveFiles, archiveSize, archiveMemory = 10_000, 500_000_000, 96 << 20
