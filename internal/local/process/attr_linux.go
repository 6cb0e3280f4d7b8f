package process

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// Attr makes a child die with the thread that starts it, and keeps the signals
// of the terminal from it: its parent decides when it ends. The goroutine that
// starts the child must stay locked to its thread until the child has ended.
func Attr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// commandLine returns the arguments of a process with spaces between, or an
// empty text if there is no such process.
func commandLine(pid int) string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(bytes.TrimSuffix(line, []byte{0}), []byte{0}, []byte{' '}))
}
