// Command client uploads, lists and deletes by what ogen has generated.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"

	ht "github.com/ogen-go/ogen/http"

	"client/api"
)

var (
	contents     = map[string]string{"first.txt": "the first file\n", "второй.txt": "the second file\n"}
	conversation = os.Getenv("CONVERSATION")
)

type key string

func (k key) APIKeyHeader(context.Context, api.OperationName) (api.APIKeyHeader, error) {
	return api.APIKeyHeader{APIKey: string(k)}, nil
}

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	client, err := api.NewClient(os.Getenv("API"), key(os.Getenv("KEY")))
	if err != nil {
		return err
	}
	var form api.BodyUploadFilesAPIConversationsConversationIDUploadFilesPostMultipart
	for name, content := range contents {
		form.Files = append(form.Files, ht.MultipartFile{Name: name, File: strings.NewReader(content), Size: int64(len(content))})
	}
	answer, err := client.UploadFilesAPIConversationsConversationIDUploadFilesPost(ctx, &form,
		api.UploadFilesAPIConversationsConversationIDUploadFilesPostParams{ConversationID: conversation})
	if err != nil {
		return err
	}
	stored, ok := answer.(*api.POSTUploadFilesModelHeaders)
	if !ok {
		return fmt.Errorf("the upload is answered %#v", answer)
	}
	if len(stored.Response.Files) != len(contents) {
		return fmt.Errorf("%d files are stored, want %d", len(stored.Response.Files), len(contents))
	}
	for _, f := range stored.Response.Files {
		sum := sha256.Sum256([]byte(contents[f.Name]))
		if want := hex.EncodeToString(sum[:]); f.SHA256 != want {
			return fmt.Errorf("sha256 of %s = %s, want %s", f.Name, f.SHA256, want)
		}
	}
	if err := expectListed(ctx, client, len(contents)); err != nil {
		return err
	}
	for name := range contents {
		if _, err := client.DeleteFile(ctx, api.DeleteFileParams{ConversationID: conversation, Name: name}); err != nil {
			return err
		}
	}
	return expectListed(ctx, client, 0)
}

func expectListed(ctx context.Context, client *api.Client, want int) error {
	answer, err := client.ListFiles(ctx, api.ListFilesParams{ConversationID: conversation})
	if err != nil {
		return err
	}
	page, ok := answer.(*api.FilePageHeaders)
	if !ok {
		return fmt.Errorf("the list is answered %#v", answer)
	}
	if got := len(page.Response.Files); got != want {
		return fmt.Errorf("%d files are listed, want %d", got, want)
	}
	return nil
}
