//go:build !linux

package main

import "syscall"

// attributes keep the terminal's signals from a child. Only Linux can end a
// child whose parent is killed.
func attributes(syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
