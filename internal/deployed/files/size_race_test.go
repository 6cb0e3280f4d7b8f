//go:build race

package files_test

// What TestArchiveFromS3 packs: so many small files, and two of so many bytes.
const archiveFiles, archiveSize = 1_000, 50_000_000
