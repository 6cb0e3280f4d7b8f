package main

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/proof/bench/load"
)

// event is the event of a REST API for an upload. It can be sent many times,
// each time to another conversation, so that no file meets one of its name.
type event struct {
	json []byte
	ids  []int // where the conversation's id stands
}

// newEvent makes the event of an upload with this session key.
func newEvent(s load.Size, sessionKey string) (*event, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := range s.Files {
		part, err := form.CreateFormFile("files", s.FileName(i))
		if err != nil {
			return nil, err
		}
		_, _ = part.Write(s.Content(i)) // a buffer takes all
	}
	if err := form.Close(); err != nil {
		return nil, err
	}
	id := load.Conversation(0)
	r, err := http.NewRequest(http.MethodPost, "https://api.example.com/api/conversations/"+id+"/upload-files", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("X-Session-API-Key", sessionKey)
	r.Header.Set("Accept", "application/json")
	json, err := gateway.Event(lambdahttp.REST, r, body.Bytes(), gateway.Options{BinaryTypes: []string{"multipart/form-data"}})
	if err != nil {
		return nil, err
	}
	return &event{json, places(json, id)}, nil
}

func places(text []byte, of string) []int {
	var found []int
	for from := 0; ; {
		at := bytes.Index(text[from:], []byte(of))
		if at < 0 {
			return found
		}
		found = append(found, from+at)
		from += at + len(of)
	}
}

// to returns the event for a conversation. It is valid until the next call.
func (e *event) to(conversation string) []byte {
	for _, at := range e.ids {
		copy(e.json[at:], conversation)
	}
	return e.json
}

// eventFor is the event of an upload, or the floor's order.
func (b *bench) eventFor(c ready, u upload) ([]byte, error) {
	if c.order == nil {
		return b.events[u.size.Name].to(u.conversation), nil
	}
	order := *c.order
	order.Size, order.Conversation = u.size.Name, u.conversation
	return json.Marshal(order)
}
