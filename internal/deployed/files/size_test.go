//go:build !race

package files_test

// What TestArchiveFromS3 packs: so many small files, and two of so many bytes.
const archiveFiles, archiveSize = 10_000, 500_000_000
