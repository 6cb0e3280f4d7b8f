package mediatype

// byExtension has, for each type that content alone leaves open, the types that the name may tell apart.
// Each of them is a special form of that type, so that no name contradicts the content.
// A format with a signature of its own is not in here: where the signature is missing, the file is not of that format.
var byExtension = map[string]map[string]string{
	"text/plain":                text,
	"text/csv":                  text, // lines with equally many commas, which other text can have
	"text/tab-separated-values": text,
	"text/xml": {
		".svg":   "image/svg+xml",
		".xhtml": "application/xhtml+xml",
		".xht":   "application/xhtml+xml",
	},
	"application/json": {
		".geojson": "application/geo+json",
		".ipynb":   "application/x-ipynb+json",
		".jsonl":   "application/x-ndjson",
		".ndjson":  "application/x-ndjson",
	},
	"application/zip": {
		".apk":  "application/vnd.android.package-archive",
		".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		".epub": "application/epub+zip",
		".jar":  "application/java-archive",
		".kmz":  "application/vnd.google-earth.kmz",
		".odp":  "application/vnd.oasis.opendocument.presentation",
		".ods":  "application/vnd.oasis.opendocument.spreadsheet",
		".odt":  "application/vnd.oasis.opendocument.text",
		".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
		".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	},
	"application/x-ole-storage": {
		".doc": "application/msword",
		".msg": "application/vnd.ms-outlook",
		".ppt": "application/vnd.ms-powerpoint",
		".xls": "application/vnd.ms-excel",
	},
}

// text has the forms of text. Text with another extension, such as source code, stays what the content says.
var text = map[string]string{
	".css":      "text/css",
	".csv":      "text/csv",
	".htm":      "text/html",
	".html":     "text/html",
	".ics":      "text/calendar",
	".js":       "text/javascript",
	".json":     "application/json",
	".jsonl":    "application/x-ndjson",
	".log":      "text/plain",
	".markdown": "text/markdown",
	".md":       "text/markdown",
	".mjs":      "text/javascript",
	".ndjson":   "application/x-ndjson",
	".srt":      "application/x-subrip",
	".svg":      "image/svg+xml",
	".tsv":      "text/tab-separated-values",
	".txt":      "text/plain",
	".vcf":      "text/vcard",
	".vtt":      "text/vtt",
	".xht":      "application/xhtml+xml",
	".xhtml":    "application/xhtml+xml",
	".xml":      "text/xml",
}
