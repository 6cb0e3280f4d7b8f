// Package s3object says what a store tells of an object in it.
package s3object

import "time"

// Info is what a listing tells of an object.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
	ETag     string // other bytes have another one; the same bytes, put there again, may have the same; opaque
}

// Head is what an object tells of itself.
type Head struct {
	Info
	ContentType string
	SHA256      [32]byte
	Hashed      bool // whether SHA256 is known: verified, or declared by who put the object there
	Verified    bool // whether the bytes are known to have SHA256, and not only said to
	CRC32       CRC32
}

// CRC32 is the CRC-32 of a whole object (IEEE, as in zip archives). The zero value
// is that of an object of which nobody has said it.
type CRC32 struct {
	Sum   uint32
	Known bool // whether Sum is said: verified, found out, or declared by who put the object there
}

// Page is a part of a listing, in the order of the keys' bytes.
type Page struct {
	Objects []Info
	Folders []string // of the listing of a folder: what the keys in each begin with, up to its slash
	More    bool     // whether there are keys after the last one here
}
