package s3store

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"

	"uploadfiles/internal/deployed/s3object"
)

// hexCRC32 is a CRC-32 as objects carry it in their metadata: S3 keeps one
// checksum of an object, and that is its SHA-256.
func hexCRC32(sum uint32) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// crc32Of is the checksum that S3 has of an object that others put there, if it is
// of this kind and of the whole object, and else the one in its metadata.
func crc32Of(checksum, declared string) s3object.CRC32 {
	sum, err := base64.StdEncoding.DecodeString(checksum)
	if err != nil || len(sum) != crc32.Size {
		sum, err = hex.DecodeString(declared)
	}
	if err != nil || len(sum) != crc32.Size {
		return s3object.CRC32{}
	}
	return s3object.CRC32{Sum: binary.BigEndian.Uint32(sum), Known: true}
}
