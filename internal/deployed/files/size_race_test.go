//go:build race

package files_test

// What TestArchiveFromS3 packs, so many small files and two of so many bytes, and
// the bytes of memory that it may take: any number, since with the race detector
// pools forget on purpose.
const archiveFiles, archiveSize, archiveMemory = 1_000, 50_000_000, 1 << 40
