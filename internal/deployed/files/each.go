package files

import (
	"context"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/upload"
)

// hashParallel is how many objects are read at once to find out their hashes.
const hashParallel = 4

// Each calls use with every file, in the order of [Files.List], until use
// returns an error. It finds out hashes that the store does not know, up to
// HashLimit bytes of files. An error before the first call means that no file
// could be listed.
func (f *Files) Each(ctx context.Context, c upload.Conversation, use func(File) error) error {
	budget := f.HashLimit
	for after := ""; ; {
		files, next, err := f.List(ctx, c, after, MaxPage)
		if err != nil {
			return err
		}
		f.hash(ctx, files, &budget)
		for _, file := range files {
			if err := use(file); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// hash finds out hashes as far as the budget of bytes goes. What cannot be read
// stays without.
func (f *Files) hash(ctx context.Context, files []File, budget *int64) {
	var group errgroup.Group
	group.SetLimit(hashParallel)
	for i := range files {
		file := &files[i]
		if file.Hashed || file.State != upload.Ready || file.Size > *budget {
			continue
		}
		*budget -= file.Size
		group.Go(func() (err error) {
			defer survive(&err)
			_, found, err := f.copyTo(ctx, io.Discard, file.Info)
			if err == nil {
				file.SHA256, file.Hashed, file.Verified = found.sha256, true, true
				file.CRC32 = found.crc32
				f.known.put(file.Head, time.Now())
			}
			return err
		})
	}
	_ = group.Wait() // a file whose hash is not known says so
}
