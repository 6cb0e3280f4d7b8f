package s3server

import (
	"bytes"
	"os"
	"syscall"
)

// keepsAttributes says whether files in the folder can carry what S3 keeps with
// an object. Some file systems of Linux cannot.
func keepsAttributes(dir string) bool {
	file, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return false
	}
	defer os.Remove(file.Name())
	defer file.Close()
	return syscall.Setxattr(file.Name(), "user.probe", bytes.Repeat([]byte("x"), 1024), 0) == nil
}
