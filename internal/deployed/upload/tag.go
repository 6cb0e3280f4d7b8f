package upload

import (
	"context"
	"fmt"
)

// Tag is a tag of an object, such as the one that a malware scanner sets. The
// zero value is none.
type Tag struct{ Key, Value string }

// Tags is what knows the tags of objects, such as a [Store].
type Tags interface {
	// Tag is the value of a tag of the object; it is empty where the object has
	// no such tag.
	Tag(ctx context.Context, key, tag string) (string, error)
}

// StateOf asks whether an object may be handed out where t is required. What
// cannot be known is not handed out: with an error the state is Pending.
func (t Tag) StateOf(ctx context.Context, tags Tags, key string) (State, error) {
	if t == (Tag{}) {
		return Ready, nil
	}
	switch value, err := tags.Tag(ctx, key, t.Key); {
	case err != nil:
		return Pending, fmt.Errorf("ask for the tag of a stored file: %w", err)
	case value == "":
		return Pending, nil
	case value != t.Value:
		return Blocked, nil
	}
	return Ready, nil
}
