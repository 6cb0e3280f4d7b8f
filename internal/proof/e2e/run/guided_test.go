package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"uploadfiles/internal/proof/template"
)

func TestEachQuestionIsAnsweredOnce(t *testing.T) {
	const script = `printf '\033[1mName\033[0m [a]: '; read a; echo 'no [question]: here'; printf 'Sure? [y/N]: '; read b; sleep 0.1; echo "<$a$b>"`
	terminal, err := pty.Start(exec.Command("sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	w := answer(terminal)
	want := "Name [a]: \r\nno [question]: here\r\nSure? [y/N]: \r\n<>\r\n"
	if w.questions != 2 || string(w.transcript) != want {
		t.Errorf("answered %d questions of %q, want 2 of %q", w.questions, w.transcript, want)
	}
}

// good is a walk as it is to be, in a project after it.
func good(t *testing.T) (walk, string) {
	t.Helper()
	t.Chdir("../../../..")
	text, err := os.ReadFile("template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var said, saved strings.Builder
	for name := range source["Parameters"].(map[string]any) {
		said.WriteString("Parameter " + name + " []: \n")
		saved.WriteString(name + "=1 ")
	}
	said.WriteString("Uploading to upload-files/1234.template\n" + string(beyondLocalStack))
	tool := tools{t.TempDir()}
	project, err := newProject(tool)
	if err != nil {
		t.Fatal(err)
	}
	answers := "stack_name = \"upload-files\"\nregion = \"" + region + "\"\ncapabilities = \"CAPABILITY_IAM\"\n" + saved.String()
	if err := os.WriteFile(filepath.Join(project, answersFile), []byte(answers), 0o644); err != nil {
		t.Fatal(err)
	}
	return walk{[]byte(said.String()), 50}, project
}

func TestWalkEndsAtTheChangeSetAndNotBefore(t *testing.T) {
	w, project := good(t)
	failed := errors.New("exit status 1")
	if err := checkWalk(w, project, failed); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a question of authentication", "Uploading", "UploadFunction has no authentication. Is this okay? [y/N]", "no authentication"},
		{"a parameter that is not asked for", "Parameter LogLevel [", "Parameter X [", "LogLevel is not asked for"},
		{"a template that is not uploaded", ".template", ".zip", "not uploaded"},
		{"another end", string(beyondLocalStack), "Unable to resolve a region", "ends otherwise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := walk{[]byte(strings.Replace(string(w.transcript), c.old, c.new, 1)), w.questions}
			if err := checkWalk(other, project, failed); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("checkWalk = %v, want %q", err, c.want)
			}
		})
	}
}

func TestWalkSavesAnswersAndLeavesTheSharedFile(t *testing.T) {
	w, project := good(t)
	answers := filepath.Join(project, answersFile)
	text, err := os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(project, sharedFile)
	for _, c := range []struct{ file, content, want string }{
		{answers, strings.Replace(string(text), "LogLevel=", "", 1), "LogLevel is not asked for, or not saved"},
		{answers, strings.Replace(string(text), "stack_name", "name", 1), "lacks stack_name"},
		{shared, "version: 0.1", "is not as before"},
	} {
		before, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.file, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkWalk(w, project, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("checkWalk = %v, want %q", err, c.want)
		}
		if err := os.WriteFile(c.file, before, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(answers); err != nil {
		t.Fatal(err)
	}
	if err := checkWalk(w, project, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without answers: checkWalk = %v", err)
	}
}

func TestInterruptedWalkEndsItsProgram(t *testing.T) {
	t.Chdir("../../../..")
	tool := tools{t.TempDir()}
	bin := filepath.Join(tool.dir, "sam", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	const script = "#!/bin/sh\nprintf 'Stack Name [a]: '; read name; touch answered; sleep 600\n"
	if err := os.WriteFile(filepath.Join(bin, "sam"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithTimeout(t.Context(), long)
	defer interrupt()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(tool.dir, "guided", "answered")); err == nil {
				interrupt()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := walkGuided(ctx, tool, localStack{address: "127.0.0.1:1"}); !errors.Is(err, context.Canceled) {
		t.Errorf("walkGuided = %v, want %v", err, context.Canceled)
	}
}
