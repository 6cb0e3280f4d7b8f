// Package object says what a store tells of an object in it.
package object

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
	Hashed      bool // whether SHA256 is known: verified by the store, or declared by who put the object there
}

// Page is a part of a listing, in the order of the keys' bytes.
type Page struct {
	Objects []Info
	More    bool // whether there are keys after the last one here
}
