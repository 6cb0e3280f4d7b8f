package s3store

import "context"

// Origin is the scheme and host that presigned URLs name, such as
// "https://files.s3.eu-west-1.amazonaws.com": what a page has to be allowed to
// reach. It makes no request.
func (s *Store) Origin(context.Context) (string, error) {
	address, err := s.presigner.bucket()
	if err != nil {
		return "", err
	}
	return address.Scheme + "://" + address.Host, nil
}
