package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/creack/pty"

	"uploadfiles/internal/proof/template"
)

// What a guided deployment writes, and what it reads.
const (
	answersFile = "samconfig.toml"
	sharedFile  = "samconfig.yaml"
)

// walkGuided deploys as README says to: `sam deploy --guided` in a terminal, with
// Enter at every question, to LocalStack instead of AWS. It goes on until
// LocalStack's CloudFormation is to make a change set, which has neither an
// access to SAM's own transform nor most of the resources.
func walkGuided(ctx context.Context, tools tools, localstack localStack) error {
	project, err := newProject(tools)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := tools.sam(ctx, "deploy", "--guided")
	cmd.Dir = project
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+localstack.endpoint(), "AWS_MAX_ATTEMPTS=1")
	cmd.SysProcAttr = nil // the terminal makes it the leader of a session, and thus of a group
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 500})
	if err != nil {
		return err
	}
	defer terminal.Close()
	walk := answer(terminal)
	ended := cmd.Wait()
	log := filepath.Join(tools.dir, "guided.log")
	if err := os.WriteFile(log, walk.transcript, 0o644); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkWalk(walk, project, ended); err != nil {
		return fmt.Errorf("sam deploy --guided: %w; see %s", err, log)
	}
	say("sam deploy --guided takes Enter at each of %d questions, uploads code and template and asks for a change set; LocalStack makes none of it", walk.questions)
	return nil
}

// newProject makes a folder that is to SAM what the repository is after `sam build`.
func newProject(tools tools) (string, error) {
	project := filepath.Join(tools.dir, "guided")
	if err := os.RemoveAll(project); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(project, ".aws-sam"), 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"template.yaml", sharedFile} {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(project, name), text, 0o644); err != nil {
			return "", err
		}
	}
	return project, os.Symlink(buildFolder(tools), filepath.Join(project, ".aws-sam", "build"))
}

// A walk is what was said in a terminal.
type walk struct {
	transcript []byte // without colours
	questions  int    // that were answered
}

var (
	colour   = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	question = regexp.MustCompile(`\[[^\]\n]*\]: ?$`)
	uploaded = regexp.MustCompile(`upload-files/\w+\.template`)
)

// answer answers each question of a terminal by Enter, until its end.
func answer(terminal io.ReadWriter) walk {
	var w walk
	open := 0 // where what is not answered begins
	buffer := make([]byte, 4096)
	for {
		n, err := terminal.Read(buffer)
		w.transcript = colour.ReplaceAll(append(w.transcript, buffer[:n]...), nil)
		if err != nil { // a terminal ends in an error when its program does
			return w
		}
		open = min(open, len(w.transcript))
		if !question.Match(w.transcript[open:]) {
			continue
		}
		if _, err := terminal.Write([]byte("\n")); err != nil {
			return w
		}
		w.questions++
		open = len(w.transcript)
	}
}

// beyondLocalStack is where the walk may end (LocalStack 4.9.2): its CloudFormation
// looks for the stage that SAM makes before it has made it.
var beyondLocalStack = []byte("CreateChangeSet operation: Template format error: Unresolved resource dependencies [UploadApi.Stage]")

// checkWalk checks that everything before the change set went as it would on AWS.
func checkWalk(w walk, project string, ended error) error {
	text, err := os.ReadFile("template.yaml")
	if err != nil {
		return err
	}
	source, err := template.Parse(text)
	if err != nil {
		return err
	}
	if bytes.Contains(w.transcript, []byte("no authentication")) {
		return errors.New("SAM asks whether a route may have no authentication")
	}
	answers, err := os.ReadFile(filepath.Join(project, answersFile))
	if err != nil {
		return fmt.Errorf("the answers are not saved: %w", err)
	}
	declared, _ := source["Parameters"].(map[string]any)
	for name := range declared {
		if !bytes.Contains(w.transcript, []byte("Parameter "+name+" [")) || !bytes.Contains(answers, []byte(name+"=")) {
			return fmt.Errorf("%s is not asked for, or not saved in %s", name, answersFile)
		}
	}
	for _, want := range []string{`stack_name = "upload-files"`, `region = "` + region + `"`, "CAPABILITY_IAM"} {
		if !strings.Contains(string(answers), want) {
			return fmt.Errorf("%s lacks %s", answersFile, want)
		}
	}
	shared, err := os.ReadFile(filepath.Join(project, sharedFile))
	if err != nil {
		return err
	}
	if before, err := os.ReadFile(sharedFile); err != nil || !bytes.Equal(before, shared) {
		return fmt.Errorf("%s is not as before (%v)", sharedFile, err)
	}
	if !uploaded.Match(w.transcript) {
		return errors.New("the template is not uploaded")
	}
	if ended != nil && !bytes.Contains(w.transcript, beyondLocalStack) {
		return fmt.Errorf("it ends otherwise than expected: %w", ended)
	}
	return nil
}
