package upload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/filename"
)

// In a bucket "a" and "a/b" can both be objects; on a disk one of them can not
// be. So no file is given the name of a folder, and no folder that of a file, as
// far as one question for a folder tells: whether an object has its name. What is
// there below a name, only a listing would tell, and no upload may list.

// Folders remembers folders that have files, so that nobody asks for them again
// and no file gets the name of one. It forgets those that were used least
// recently. The zero value is ready; nil remembers nothing. It is safe for
// concurrent use.
type Folders struct {
	mu           sync.Mutex
	newer, older map[folder]string // the key of one of its files
}

// folder is one of a conversation. Its name has no slash at its end.
type folder struct{ dir, name string }

// maxFolders is how many folders of a generation are remembered. With keys of the
// greatest length, two generations take less than 8 MB.
const maxFolders = 2000

func (f *Folders) fileIn(dir, name string) (key string, ok bool) {
	if f == nil {
		return "", false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at := folder{dir, name}
	if key, ok = f.newer[at]; ok {
		return key, true
	}
	if key, ok = f.older[at]; ok {
		f.keep(at, key)
	}
	return key, ok
}

func (f *Folders) remember(dir, name, key string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keep(folder{dir, name}, key)
}

func (f *Folders) keep(at folder, key string) {
	if f.newer == nil || len(f.newer) >= maxFolders {
		f.older, f.newer = f.newer, make(map[folder]string)
	}
	f.newer[at] = key
}

func (f *Folders) forget(dir, name string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.newer, folder{dir, name})
	delete(f.older, folder{dir, name})
}

// stored notes that a file is there. The folders that are remembered were so by a
// name that it may not have got.
func (f *Folders) stored(dir, name string) {
	for folder := range filename.Folders(name) {
		if _, ok := f.fileIn(dir, folder); ok {
			f.remember(dir, folder, dir+name)
		}
	}
}

// unknown is the file of a folder that the store knows of.
const unknown = ""

// Refused notes why a store has not taken a file: its name is that of a folder
// ([ErrIsFolder]), or what was taken for a folder is a file ([ErrBelowFile]).
func (f *Folders) Refused(dir, name string, why error) {
	if errors.Is(why, ErrIsFolder) {
		f.remember(dir, name, unknown)
		return
	}
	for folder := range filename.Folders(name) {
		f.forget(dir, folder)
	}
}

// Ask says whether an object has a key: it is nil, or [ErrNotFound] where none
// has.
type Ask func(ctx context.Context, key string) error

// IsFolder reports whether name is that of a folder which is remembered and has a
// file still. It asks only where one is remembered.
func (f *Folders) IsFolder(ctx context.Context, ask Ask, dir, name string) bool {
	key, ok := f.fileIn(dir, name)
	if !ok {
		return false
	}
	if key == unknown {
		return true
	}
	if errors.Is(ask(ctx, key), ErrNotFound) {
		f.forget(dir, name)
		return false
	}
	return true
}

// Place returns the name under which a file does not lie below another one. It
// asks once for each of its folders that is not remembered. A folder whose name a
// file has gets a tag, the same for all that is in it.
func (f *Folders) Place(ctx context.Context, ask Ask, dir, name string) (string, error) {
	t := &tree{folders: f, ask: ask, dir: dir, left: leastQuestions}
	return t.place(ctx, name)
}

// tree places the files of one request. It is safe for concurrent use.
type tree struct {
	folders *Folders
	ask     Ask
	dir     string                 // of the conversation
	isSent  func(name string) bool // whether a file that came before has the name; nil means none

	mu      sync.Mutex
	places  map[string]string // where a folder is, by its name
	used    map[string]bool   // the folders of places
	answers map[string]error  // of the questions for folders
	left    int               // questions that may be asked beside those for names with tags
}

// leastQuestions is how many folders one request asks for, and more only where it
// has more than ten files for each: a tree of a thousand folders would cost twice
// as much as its files. The outer folders are asked for first, and one that is
// not is taken for free. What gets the name of a file so loses nothing: it lies
// beside it, and archive and script give both a name.
const leastQuestions = 100

// look asks for the folders of the names all at once, the outer ones first.
func (t *tree) look(ctx context.Context, names []string, parallel int) {
	t.left = max(leastQuestions, len(names)/10)
	var levels [filename.MaxDepth][]string
	seen := map[string]bool{}
	for _, name := range names {
		level := 0
		for name := range filename.Folders(name) {
			if !seen[name] && !t.remembers(name) {
				seen[name] = true
				levels[level] = append(levels[level], name)
			}
			level++
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, level := range levels {
		for _, name := range level {
			if t.left == 0 {
				break
			}
			t.left--
			group.Go(func() error {
				err := t.question(ctx, name)
				t.mu.Lock()
				defer t.mu.Unlock()
				t.note(name, err)
				return nil
			})
		}
	}
	_ = group.Wait() // the answers are kept one by one
}

// note keeps an answer.
func (t *tree) note(name string, answer error) {
	if t.answers == nil {
		t.answers = make(map[string]error)
	}
	t.answers[name] = answer
}

func (t *tree) remembers(name string) bool {
	_, ok := t.folders.fileIn(t.dir, name)
	return ok
}

func (t *tree) question(ctx context.Context, name string) (err error) {
	defer survive(&err)
	return t.ask(ctx, t.dir+name)
}

// place returns where a file is to be, below folders that no file has the name
// of.
func (t *tree) place(ctx context.Context, name string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.placeLocked(ctx, name)
}

func (t *tree) placeLocked(ctx context.Context, name string) (string, error) {
	for {
		dir, last := filename.Split(name)
		if dir == "" {
			return name, nil
		}
		at, err := t.folder(ctx, dir[:len(dir)-1], name)
		if err != nil {
			return "", err
		}
		placed := at + "/" + last
		if filename.Is(t.dir, placed) {
			return placed, nil
		}
		name = filename.In(t.dir, placed, "") // a tag was one byte too many: without the outer folder
	}
}

// folder finds the place of a folder for a file in it.
func (t *tree) folder(ctx context.Context, name, file string) (string, error) {
	if at, ok := t.places[name]; ok {
		return at, nil
	}
	at := name
	if parent, last := filename.Split(name); parent != "" {
		above, err := t.folder(ctx, parent[:len(parent)-1], file)
		if err != nil {
			return "", err
		}
		at = above + "/" + last
	}
	at, known, err := t.free(ctx, at, sha256.Sum256([]byte(name)))
	if err != nil {
		return "", err
	}
	if known {
		t.folders.remember(t.dir, at, t.dir+at+file[len(name):])
	}
	if t.places == nil {
		t.places, t.used = make(map[string]string), make(map[string]bool)
	}
	t.places[name], t.used[at] = at, true
	return at, nil
}

// free gives a folder a tag where a file has its name, and says whether it knows
// that none has the result.
func (t *tree) free(ctx context.Context, name string, sum [32]byte) (at string, known bool, err error) {
	at = name
	for _, digits := range HashDigits {
		taken, known, err := t.isFile(ctx, at, at != name)
		if err != nil || !taken {
			return at, known, err
		}
		at = filename.WithHash(name, sum, digits)
	}
	return at, false, nil
}

// isFile reports whether a file has the name of a folder, and whether it is sure.
func (t *tree) isFile(ctx context.Context, name string, always bool) (taken, sure bool, err error) {
	switch {
	case t.isSent != nil && t.isSent(name):
		return true, true, nil
	case t.used[name], t.remembers(name):
		return false, true, nil
	}
	answer, asked := t.answers[name]
	if !asked && !always && t.left == 0 {
		return false, false, nil
	}
	if !asked {
		t.left -= min(t.left, 1)
		answer = t.question(ctx, name)
		t.note(name, answer)
	}
	switch {
	case answer == nil:
		return true, true, nil
	case errors.Is(answer, ErrNotFound):
		return false, true, nil
	}
	return false, false, fmt.Errorf("ask whether a folder is a file: %w", answer)
}

// isFolder reports whether a folder has the name of a file.
func (t *tree) isFolder(ctx context.Context, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used[name] || t.folders.IsFolder(ctx, t.ask, t.dir, name)
}

// replace finds another place for a file that the store has refused to keep below
// another one.
func (t *tree) replace(ctx context.Context, name, refused string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if placed, err := t.placeLocked(ctx, name); err != nil || placed != refused {
		return placed, err // another file of the folder has come here before
	}
	for sent := range filename.Folders(name) {
		at := t.places[sent]
		t.folders.forget(t.dir, at)
		delete(t.places, sent)
		delete(t.used, at)
		delete(t.answers, at)
		t.left++
	}
	return t.placeLocked(ctx, name)
}
