package process_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"uploadfiles/internal/local/process"
)

// The tests' children are this test binary in one of these roles.
const (
	roleWait     = "wait"     // lives until it is told to end
	roleStubborn = "stubborn" // does not end when it is told to
	roleParent   = "parent"   // starts a child with this package and waits
)

func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case roleStubborn:
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case roleParent:
		_, err := process.Start(process.Options{
			Command: child(roleWait, "of a parent"),
			PIDFile: os.Getenv("PROCESS_TEST_PIDFILE"),
		})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case roleWait:
		time.Sleep(time.Hour)
	}
}

func child(role, mark string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], mark)
		cmd.Env = append(os.Environ(), "PROCESS_TEST_ROLE="+role)
		return cmd
	}
}

func start(t *testing.T, o process.Options) *process.Process {
	t.Helper()
	p, err := process.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// waitFor polls: what another process does cannot be waited for otherwise.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestAChildThatDiesIsStartedAgain(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ended := make(chan error, 10)
	p := start(t, process.Options{
		Command: child(roleWait, "again"),
		PIDFile: pidFile,
		Ended:   func(how error, _ time.Duration) { ended <- how },
	})
	first := readPID(t, pidFile)
	syscall.Kill(first, syscall.SIGKILL)
	if how := <-ended; !strings.Contains(how.Error(), "killed") {
		t.Errorf("the child was killed, Ended was told %q", how)
	}
	waitFor(t, "a new child", func() bool {
		_, err := os.Stat(pidFile)
		return err == nil && readPID(t, pidFile) != first
	})
	second := readPID(t, pidFile)
	if gone(second) {
		t.Error("the new child does not run")
	}
	p.Stop()
	if !gone(second) {
		t.Error("Stop left the child running")
	}
	if _, err := os.Stat(pidFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stop left the pid file: %v", err)
	}
	if len(ended) != 0 {
		t.Errorf("Stop was reported as an end: %v", <-ended)
	}
}

func TestStartsAreFurtherApartEachTime(t *testing.T) {
	waits := make(chan time.Duration, 10)
	p := start(t, process.Options{
		Command: func() *exec.Cmd { return exec.Command("true") },
		PIDFile: filepath.Join(t.TempDir(), "pid"),
		Ended:   func(_ error, wait time.Duration) { waits <- wait },
	})
	for last := time.Duration(0); last < 400*time.Millisecond; {
		wait := <-waits
		if wait <= last {
			t.Errorf("wait of %v after one of %v", wait, last)
		}
		last = wait
	}
	p.Stop()
}

func TestStopInTheWaitBeforeAStart(t *testing.T) {
	ended := make(chan struct{}, 10)
	p := start(t, process.Options{
		Command: func() *exec.Cmd { return exec.Command("true") },
		PIDFile: filepath.Join(t.TempDir(), "pid"),
		Ended:   func(error, time.Duration) { ended <- struct{}{} },
	})
	<-ended
	p.Stop()
	p.Stop()
}

func TestAChildThatIgnoresTheSignalIsKilled(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	output, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	command := child(roleStubborn, "stubborn")
	p := start(t, process.Options{
		Command: func() *exec.Cmd {
			cmd := command()
			cmd.Stdout = w
			return cmd
		},
		PIDFile: pidFile,
	})
	if _, err := output.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	pid := readPID(t, pidFile)
	p.Stop()
	if !gone(pid) {
		t.Error("Stop left the child running")
	}
}

func TestNoChildOutlivesAKilledParent(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	parent := child(roleParent, "parent")()
	parent.Env = append(parent.Env, "PROCESS_TEST_PIDFILE="+pidFile)
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, _ := output.Read(line)
	if string(line[:n]) != "ready\n" {
		t.Fatalf("the parent said %q", line[:n])
	}
	orphan := readPID(t, pidFile)
	parent.Process.Kill()
	parent.Wait()
	if runtime.GOOS != "linux" {
		// Here the next run ends it.
		start(t, process.Options{Command: child(roleWait, "of a parent"), PIDFile: pidFile}).Stop()
	}
	waitFor(t, "the end of the child", func() bool { return gone(orphan) || zombie(orphan) })
}

// zombie says that a process has ended and that its new parent, which in a
// container may be any program, has not asked how.
func zombie(pid int) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

func TestALeftoverIsEndedOnlyIfItIsOurs(t *testing.T) {
	tests := []struct {
		name     string
		leftover func() *exec.Cmd
		want     bool // that it is ended
	}{
		{"ours", child(roleWait, "ours"), true},
		{"another process with the same id", child(roleWait, "another"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			leftover := test.leftover()
			if err := leftover.Start(); err != nil {
				t.Fatal(err)
			}
			os.WriteFile(pidFile, []byte(strconv.Itoa(leftover.Process.Pid)), 0o600)
			start(t, process.Options{Command: child(roleWait, "ours"), PIDFile: pidFile})
			if !test.want {
				leftover.Process.Signal(syscall.SIGTERM)
			}
			err := leftover.Wait()
			if killed := strings.Contains(fmt.Sprint(err), "killed"); killed != test.want {
				t.Errorf("the leftover ended with %v, killed = %v, want %v", err, killed, test.want)
			}
		})
	}
}

func TestPIDFilesThatNameNoProcess(t *testing.T) {
	for _, content := range []string{"", "rubbish", "-1", "0", "1", "999999999"} {
		pidFile := filepath.Join(t.TempDir(), "pid")
		os.WriteFile(pidFile, []byte(content), 0o600)
		start(t, process.Options{Command: child(roleWait, "any"), PIDFile: pidFile}).Stop()
	}
}

func TestStartReportsWhatCannotRun(t *testing.T) {
	dir := t.TempDir()
	missing := func() *exec.Cmd { return exec.Command(filepath.Join(dir, "no such program")) }
	if _, err := process.Start(process.Options{Command: missing, PIDFile: filepath.Join(dir, "pid")}); err == nil {
		t.Error("Start of a missing program succeeded")
	}
	o := process.Options{Command: child(roleWait, "unnoted"), PIDFile: filepath.Join(dir, "missing", "pid")}
	if _, err := process.Start(o); err == nil {
		t.Error("Start without a place for the pid file succeeded")
	}
}
