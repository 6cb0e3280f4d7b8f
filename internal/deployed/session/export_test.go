package session

// WallClock is the time that Keys go by unless they are given another.
var WallClock = wallClock

// Remembered is how many secrets, and how many conversations without one, are
// held in memory.
func (k *Keys) Remembered() (known, unknown, all int) {
	k.cache.mu.Lock()
	defer k.cache.mu.Unlock()
	return k.cache.known.Len(), k.cache.unknown.Len(), len(k.cache.entries)
}
