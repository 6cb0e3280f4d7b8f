package filelock_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"uploadfiles/internal/local/filelock"
)

func TestTryNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a lock")
	held, err := filelock.Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Note("a long note of an earlier holder"); err != nil {
		t.Fatal(err)
	}
	if err := held.Note("process 1"); err != nil {
		t.Fatal(err)
	}
	_, err = filelock.Try(path)
	var other *filelock.HeldError
	if !errors.As(err, &other) || other.Note != "process 1" {
		t.Fatalf("Try of a held lock = %v, want a HeldError with the holder's note", err)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := filelock.Try(path)
	if err != nil {
		t.Fatalf("Try after Release = %v", err)
	}
	again.Release()
}

func TestAcquireLetsOneInAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, most atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				lock, err := filelock.Acquire(path)
				if err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), inside.Add(1)))
				runtime.Gosched()
				inside.Add(-1)
				lock.Release()
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d held the lock at once, want 1", most.Load())
	}
}

func TestALockEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	child := exec.Command(os.Args[0], "-test.run=^TestHoldLockAndDie$")
	child.Env = append(os.Environ(), "FILELOCK_TEST_HOLD="+path)
	if err := child.Run(); err == nil {
		t.Fatal("the holder did not die as it should")
	}
	lock, err := filelock.Try(path)
	if err != nil {
		t.Fatalf("Try after the holder was killed = %v", err)
	}
	lock.Release()
}

// TestHoldLockAndDie is the child of TestALockEndsWithItsProcess.
func TestHoldLockAndDie(t *testing.T) {
	path := os.Getenv("FILELOCK_TEST_HOLD")
	if path == "" {
		t.Skip("runs as a child of another test")
	}
	if _, err := filelock.Acquire(path); err != nil {
		return // the parent takes a child that does not die as a failure
	}
	self, _ := os.FindProcess(os.Getpid())
	self.Kill()
	select {}
}

func TestNoLockWhereNoFileCanBe(t *testing.T) {
	if _, err := filelock.Try(filepath.Join(t.TempDir(), "missing", "lock")); err == nil {
		t.Error("Try in a missing folder succeeded")
	}
}
