package files

import (
	"sync"
	"time"

	"uploadfiles/internal/deployed/s3object"
)

// heads remembers what objects tell of themselves, in two generations of up to
// maxHeads objects: what is asked for again moves into the newer, and the older
// goes when the newer is full. The zero value is empty.
type heads struct {
	mu           sync.Mutex
	newer, older map[version]s3object.Head
}

// version is an object as it was put there. One that was deleted and put there
// again with the same bytes can have the same ETag, and tell another hash or type
// of itself. A HEAD tells the time in seconds, a listing can tell more
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
type version struct {
	key, etag string
	modified  int64 // seconds
}

func versionOf(o s3object.Info) version { return version{o.Key, o.ETag, o.Modified.Unix()} }

// maxHeads times two heads take about 20 MB with keys of a common length.
const maxHeads = 20_000

func (h *heads) get(o s3object.Info) (s3object.Head, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := versionOf(o)
	head, ok := h.newer[id]
	if ok {
		return head, true
	}
	if head, ok = h.older[id]; ok {
		h.keep(id, head)
	}
	return head, ok
}

// settled is how long after an object was put there no other can come with the
// same time any more. The clocks of two machines differ.
const settled = 5 * time.Second

// put remembers a head, unless the object is so new that another one may yet come
// that looks the same.
func (h *heads) put(head s3object.Head, now time.Time) {
	if now.Sub(head.Modified) < settled {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep(versionOf(head.Info), head)
}

func (h *heads) keep(id version, head s3object.Head) {
	if h.newer == nil || len(h.newer) >= maxHeads {
		h.older, h.newer = h.newer, make(map[version]s3object.Head)
	}
	h.newer[id] = head
}
