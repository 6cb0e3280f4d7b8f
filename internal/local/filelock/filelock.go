// Package filelock excludes other processes while one holds a file's lock. The
// system frees the lock of a process that dies, however it dies.
package filelock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// A HeldError says that another process holds the lock.
type HeldError struct {
	Note string // what the holder wrote about itself; may be empty
}

func (e *HeldError) Error() string { return "the lock is held by another process: " + e.Note }

// A Lock is held until it is released.
type Lock struct{ file *os.File }

// Acquire waits for the lock. It makes the file when there is none.
func Acquire(path string) (*Lock, error) {
	return lock(path, syscall.LOCK_EX)
}

// Try takes the lock, or returns a [*HeldError] at once.
func Try(path string) (*Lock, error) {
	return lock(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

func lock(path string, how int) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = ignoringSignals(func() error { return syscall.Flock(int(file.Fd()), how) })
	if err == nil {
		return &Lock{file}, nil
	}
	defer file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		note, _ := io.ReadAll(io.LimitReader(file, 1024))
		return nil, &HeldError{strings.TrimSpace(string(note))}
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// ignoringSignals repeats a call that a signal cut short.
func ignoringSignals(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Note tells those who find the lock held who holds it.
func (l *Lock) Note(text string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(text+"\n"), 0)
	return err
}

// Release gives the lock up. The file stays: to remove it would let two
// processes hold locks on two files of one name.
func (l *Lock) Release() error { return l.file.Close() }
