// Package process keeps one child process running and leaves none behind: a
// child that ends is started again, and no child outlives this process.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say what to run. Command and PIDFile are required.
type Options struct {
	// Command makes the command of one run. Its arguments must be the same each
	// time and belong to no other process: they are how a child of an earlier
	// process is recognised.
	Command func() *exec.Cmd

	// PIDFile is where the child's process id is kept while it runs, so that
	// the next process finds a child that a crash left behind.
	PIDFile string

	// Ended is told, before each new start, how the child ended and how long
	// the next start is put off. Nil means nobody is told.
	Ended func(how error, wait time.Duration)
}

// Waits before a child is started again: from the first, doubled each time, to
// the longest. A child that ran for a while begins again with the first.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
	aWhile      = 10 * time.Second
)

// grace is how long a child has from SIGTERM to SIGKILL.
const grace = 700 * time.Millisecond

// Process is a child that is started again whenever it ends.
type Process struct {
	options  Options
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
}

// Start ends what an earlier process left behind and starts the child. It
// returns when the child runs; whether it serves is for the caller to find out.
func Start(o Options) (*Process, error) {
	if err := endLeftover(o); err != nil {
		return nil, err
	}
	p := &Process{options: o, stop: make(chan struct{}), done: make(chan struct{})}
	started := make(chan error)
	go p.supervise(started)
	return p, <-started
}

// Stop ends the child and returns when it is gone. It may be called twice.
func (p *Process) Stop() {
	p.stopOnce.Do(func() { close(p.stop) })
	<-p.done
}

// supervise runs the child until Stop. It stays on one thread, because the
// child is to die with its parent and for Linux that is the thread that started
// it (PR_SET_PDEATHSIG, https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html).
func (p *Process) supervise(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	cmd, err := p.start()
	started <- err
	if err != nil {
		return
	}
	for wait := firstWait; ; {
		begin := time.Now()
		if err == nil {
			err = p.wait(cmd)
		}
		if time.Since(begin) > aWhile {
			wait = firstWait
		}
		if p.stopping(0) {
			return
		}
		if p.options.Ended != nil {
			p.options.Ended(err, wait)
		}
		if p.stopping(wait) {
			return
		}
		wait = min(2*wait, longestWait)
		cmd, err = p.start()
	}
}

// stopping waits, and says whether Stop was called meanwhile.
func (p *Process) stopping(wait time.Duration) bool {
	select {
	case <-p.stop:
		return true
	default:
	}
	select {
	case <-p.stop:
		return true
	case <-time.After(wait):
		return false
	}
}

func (p *Process) start() (*exec.Cmd, error) {
	cmd := p.options.Command()
	cmd.SysProcAttr = Attr()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	if err := os.WriteFile(p.options.PIDFile, []byte(pid+"\n"), 0o600); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, err
	}
	return cmd, nil
}

// wait returns how the child ended, of itself or by Stop.
func (p *Process) wait(cmd *exec.Cmd) error {
	ended := make(chan struct{})
	var terminator sync.WaitGroup
	terminator.Go(func() {
		select {
		case <-ended:
		case <-p.stop:
			end(cmd.Process, ended)
		}
	})
	err := cmd.Wait()
	close(ended)
	terminator.Wait()
	os.Remove(p.options.PIDFile)
	if err == nil {
		err = errors.New("exit status 0")
	}
	return err
}

// end asks a process to end, and makes it when it does not.
func end(process *os.Process, ended <-chan struct{}) {
	process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(grace):
		process.Kill()
	}
}

// endLeftover ends the child of an earlier process that had no time to do so.
// Its id may be another process's by now, so the command line has to be ours.
func endLeftover(o Options) error {
	text, err := os.ReadFile(o.PIDFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 || commandLine(pid) != strings.Join(o.Command().Args, " ") {
		return os.Remove(o.PIDFile)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process %d of an earlier run: %w", pid, err)
	}
	return os.Remove(o.PIDFile)
}
