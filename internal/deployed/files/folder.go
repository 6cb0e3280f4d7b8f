package files

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Listing is a part of what is in a folder.
type Listing struct {
	Files   []File
	Folders []string // their names from the conversation on, with a slash at the end
	Next    string   // the name of a file or folder to go on after; empty where there is no more
}

// Folder returns up to limit files and folders that are directly in a folder and
// come after a name. The folder is found by the name that was sent, too; without a
// name it is the whole conversation. One that is not there has nothing in it.
func (f *Files) Folder(ctx context.Context, c upload.Conversation, sent, after string, limit int) (Listing, error) {
	entries, more, err := f.scanFolder(ctx, c, f.folderKey(c, sent), after, min(max(limit, 1), MaxPage))
	if err != nil {
		return Listing{}, err
	}
	var listing Listing
	var found []s3object.Info
	for _, e := range entries {
		if e.isFolder {
			listing.Folders = append(listing.Folders, e.name)
		} else {
			found = append(found, e.info)
		}
	}
	if more {
		listing.Next = entries[len(entries)-1].name
	}
	listing.Files, err = f.describe(ctx, c, found)
	return listing, err
}

// Names returns the names of all that is directly in a folder: first the folders,
// with a slash at the end, then the files. The folder is found as by
// [Files.Folder].
func (f *Files) Names(ctx context.Context, c upload.Conversation, sent string) ([]string, error) {
	var folders, files []string
	key := f.folderKey(c, sent)
	for after := ""; ; {
		entries, more, err := f.scanFolder(ctx, c, key, after, MaxPage)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.isFolder {
				folders = append(folders, e.name)
			} else {
				files = append(files, e.name)
			}
		}
		if !more {
			return slices.Concat(folders, files), nil
		}
		after = entries[len(entries)-1].name
	}
}

// folderKey is what the keys in a folder begin with.
func (f *Files) folderKey(c upload.Conversation, sent string) string {
	name, ok := filename.Lookup(f.dir(c), sent)
	if !ok {
		return f.dir(c)
	}
	return f.key(c, name) + "/"
}

// entry is a file or a folder that is directly in a folder.
type entry struct {
	name     string        // from the conversation on; that of a folder has a slash at its end
	info     s3object.Info // of a file
	isFolder bool
}

// entries are those of a page, in order.
func (f *Files) entries(c upload.Conversation, page s3object.Page) []entry {
	all := make([]entry, 0, len(page.Objects)+len(page.Folders))
	for _, o := range page.Objects {
		all = append(all, entry{name: f.name(c, o), info: o})
	}
	for _, key := range page.Folders {
		all = append(all, entry{name: strings.TrimPrefix(key, f.dir(c)), isFolder: true})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all
}

// scanFolder is scan for one folder.
func (f *Files) scanFolder(ctx context.Context, c upload.Conversation, folder, after string, limit int) (found []entry, more bool, err error) {
	dir := f.dir(c)
	if after != "" {
		after = dir + after
	}
	for {
		page, err := f.Store.Folder(ctx, folder, after, limit)
		if err != nil {
			return nil, false, fmt.Errorf("list a folder: %w", err)
		}
		entries := f.entries(c, page)
		for _, e := range entries {
			if len(found) == limit {
				return found, true, nil
			}
			name := e.name
			if e.isFolder {
				name = strings.TrimSuffix(name, "/")
			}
			if filename.Is(dir, name) {
				found = append(found, e)
			}
		}
		if !page.More || len(found) == limit {
			return found, page.More, nil
		}
		after = dir + entries[len(entries)-1].name
	}
}
