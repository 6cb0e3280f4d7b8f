package mediatype

import (
	"mime"
	"path"
	"slices"
	"strings"
)

// maxType is the most bytes of a declared type that are kept.
const maxType = 127

// Claimed returns the type that a file says it has, where its content cannot be
// looked at: that of its last extension, or else the declared one. What is
// neither known nor well-formed is application/octet-stream. It proves nothing.
//
// The name is the one under which the file will be stored.
func Claimed(name, declared string) Type {
	extension := strings.ToLower(path.Ext(name))
	for _, known := range byExtension {
		if essence, ok := known[extension]; ok {
			return Type(essence)
		}
	}
	if essence, ok := bySignature[extension]; ok {
		return Type(essence)
	}
	essence, _, err := mime.ParseMediaType(declared)
	mainType, subtype, _ := strings.Cut(essence, "/")
	if err != nil || subtype == "" || len(essence) > maxType || !slices.Contains(mainTypes, mainType) {
		return "application/octet-stream"
	}
	return Type(canonical(essence))
}

// bySignature has the types of formats that have a signature, by extension: Sniff
// needs no name to know them.
var bySignature = map[string]string{
	".7z":   "application/x-7z-compressed",
	".avif": "image/avif",
	".bmp":  "image/bmp",
	".bz2":  "application/x-bzip2",
	".dll":  "application/vnd.microsoft.portable-executable",
	".exe":  "application/vnd.microsoft.portable-executable",
	".flac": "audio/flac",
	".gif":  "image/gif",
	".gz":   "application/gzip",
	".heic": "image/heic",
	".ico":  "image/x-icon",
	".jpeg": "image/jpeg",
	".jpg":  "image/jpeg",
	".m4a":  "audio/x-m4a",
	".mkv":  "video/matroska",
	".mov":  "video/quicktime",
	".mp3":  "audio/mpeg",
	".mp4":  "video/mp4",
	".ogg":  "application/ogg",
	".pdf":  "application/pdf",
	".png":  "image/png",
	".rar":  "application/x-rar-compressed",
	".tar":  "application/x-tar",
	".tiff": "image/tiff",
	".wasm": "application/wasm",
	".wav":  "audio/wav",
	".webm": "video/webm",
	".webp": "image/webp",
	".xz":   "application/x-xz",
	".zip":  "application/zip",
	".zst":  "application/zstd",
}
