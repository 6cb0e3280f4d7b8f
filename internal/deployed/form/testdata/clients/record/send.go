// Sends the files of a folder: go run send.go <address> <folder>.
package main

import (
	"bytes"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
)

func main() {
	log.SetFlags(0)
	address, folder := os.Args[1], os.Args[2]
	entries, err := os.ReadDir(folder)
	check(err)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		check(err)
		part, err := form.CreateFormFile("files", e.Name())
		check(err)
		_, err = part.Write(content)
		check(err)
	}
	check(form.Close())
	res, err := http.Post(address+"/go/"+runtime.Version(), form.FormDataContentType(), &body)
	check(err)
	check(res.Body.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
