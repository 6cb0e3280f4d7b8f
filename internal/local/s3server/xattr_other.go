//go:build !linux

package s3server

// keepsAttributes says whether files in the folder can carry what S3 keeps with
// an object. On macOS they can.
func keepsAttributes(string) bool { return true }
