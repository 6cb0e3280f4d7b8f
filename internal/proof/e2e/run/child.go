package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A child is a server that runs while the suite does, its output in a file.
type child struct {
	name  string
	log   string // path
	end   syscall.Signal
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone
}

// startTime is how long a child has until it is ready, on a busy machine; grace is
// how long it has to end before it is made to.
const (
	startTime = 3 * time.Minute
	grace     = 30 * time.Second
)

// startChild starts a server. The end signal is the one by which it cleans up
// after itself.
func startChild(cmd *exec.Cmd, log string, end syscall.Signal, ends *ends) (*child, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the child has its own
	c := &child{name: filepath.Base(cmd.Path), log: log, end: end, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = attributes(end)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait() // how it ended is in its log
		close(c.ended)
	}()
	ends.add(c.stop)
	return c, nil
}

// stop ends the child and returns when it is gone.
func (c *child) stop() error {
	c.cmd.Process.Signal(c.end)
	select {
	case <-c.ended:
		return nil
	case <-time.After(grace):
	}
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.ended
	return fmt.Errorf("%s did not end in %s and was killed", c.name, grace)
}

// await returns when ready does, and fails when the child ends or takes too long.
func (c *child) await(ctx context.Context, limit time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("%s ended; the end of %s:\n%s", c.name, c.log, tail(c.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w; the end of %s:\n%s", c.name, limit, err, c.log, tail(c.log))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tail returns the last lines of a file.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// command makes a command that ends with the context, and with it all that it
// has started.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// quietly runs a command to its end and shows its output if it fails.
func quietly(cmd *exec.Cmd) error {
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, output)
	}
	return nil
}
