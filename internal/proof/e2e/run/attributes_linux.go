package main

import "syscall"

// attributes keep the terminal's signals from a child, and make it end as it
// should when this program is killed.
func attributes(end syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: end}
}
