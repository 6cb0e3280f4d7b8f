package upload

// Len is how many folders are remembered.
func (f *Folders) Len() int { return len(f.newer) + len(f.older) }
