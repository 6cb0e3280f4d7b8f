package form

// Boundary lets tests compare with mime/multipart.
func (m Media) Boundary() string { return m.boundary }
