package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// A lambdaImage is what the function runs in.
type lambdaImage struct {
	architecture string // as the template names it
	what         string // for the user
}

const (
	repository = "public.ecr.aws/lambda/provided"
	standIn    = "uploadfiles.stand-in" // label of the image that stands in for Lambda's
)

// baseImage provides Lambda's image, on which SAM puts its runtime emulator. It
// takes the one that is there or pulls it. Where no registry can be reached, an
// image of a shell and nothing else stands in: the function is a static binary
// and needs nothing of the image. The stand-in bears the name of Lambda's, as
// SAM asks for it, and goes with the run.
func baseImage(ctx context.Context, e *engine, ends *ends) (lambdaImage, error) {
	image := lambdaImage{architecture: hostArchitecture(), what: "Lambda's own image"}
	tag := "al2023-" + image.architecture
	labels, err := e.labels(ctx, repository+":"+tag)
	if err == nil && labels[standIn] == "" {
		return image, nil
	}
	if err != nil && !notFound(err) {
		return image, err
	}
	pullErr := pull(ctx, e, tag)
	if pullErr == nil {
		return image, nil
	}
	image.what = "an image that stands in for Lambda's, which cannot be pulled here"
	ends.add(func() error {
		ctx := context.WithoutCancel(ctx)
		return errors.Join(
			e.removeImage(ctx, repository+":al2023-rapid-"+image.architecture), // SAM's, made of it
			e.removeImage(ctx, repository+":"+tag),
		)
	})
	if err := importStandIn(ctx, e, tag); err != nil {
		return image, fmt.Errorf("the image %s:%s cannot be pulled (%w), and none can stand in: %w", repository, tag, pullErr, err)
	}
	return image, nil
}

// hostArchitecture is this machine's processor, as the template names it.
func hostArchitecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

func pull(ctx context.Context, e *engine, tag string) error {
	say("pulling %s:%s", repository, tag)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return e.createImage(ctx, url.Values{"fromImage": {repository}, "tag": {tag}}, nil)
}

func importStandIn(ctx context.Context, e *engine, tag string) error {
	shell, err := staticShell(ctx)
	if err != nil {
		return err
	}
	content, err := standInFiles(shell)
	if err != nil {
		return err
	}
	return e.createImage(ctx, url.Values{
		"fromSrc":  {"-"},
		"repo":     {repository},
		"tag":      {tag},
		"platform": {"linux/" + runtime.GOARCH},
		"changes":  {"LABEL " + standIn + "=1"},
	}, bytes.NewReader(content))
}

// staticShell returns a busybox that needs no libraries: that of this machine or,
// on Debian, one from a package that is unpacked and not installed, since it
// would take the place of a busybox of another kind.
func staticShell(ctx context.Context) ([]byte, error) {
	if path, err := exec.LookPath("busybox"); err == nil {
		if shell, err := readStatic(path); err == nil {
			return shell, nil
		}
	}
	shell, err := shellOfDebian(ctx)
	if err != nil {
		return nil, fmt.Errorf("a static busybox is missing (on Debian: apt-get install busybox-static): %w", err)
	}
	return shell, nil
}

func shellOfDebian(ctx context.Context) ([]byte, error) {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "uploadfiles-busybox-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if os.Getuid() == 0 { // others take the lists that are there
		if err := quietly(command(ctx, apt, "update")); err != nil {
			return nil, err
		}
	}
	download := command(ctx, apt, "download", "busybox-static")
	download.Dir = folder
	if err := quietly(download); err != nil {
		return nil, err
	}
	packages, err := filepath.Glob(filepath.Join(folder, "*.deb"))
	if err != nil || len(packages) != 1 {
		return nil, fmt.Errorf("%d packages were downloaded instead of one: %w", len(packages), err)
	}
	if err := quietly(command(ctx, "dpkg-deb", "--extract", packages[0], folder)); err != nil {
		return nil, err
	}
	shell, err := readStatic(filepath.Join(folder, "bin", "busybox"))
	if errors.Is(err, fs.ErrNotExist) { // since Debian 13
		return readStatic(filepath.Join(folder, "usr", "bin", "busybox"))
	}
	return shell, err
}

// readStatic reads a program that needs no libraries.
func readStatic(path string) ([]byte, error) {
	program, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s needs libraries", path)
		}
	}
	return os.ReadFile(path)
}

// standInFiles packs what SAM and the function look for in Lambda's image: the
// commands of SAM's build step and the folders of the runtime.
func standInFiles(shell []byte) ([]byte, error) {
	var content bytes.Buffer
	files := tar.NewWriter(&content)
	var headers []tar.Header
	for _, folder := range []string{"bin", "var/rapid", "var/runtime", "var/task"} {
		headers = append(headers, tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755})
	}
	headers = append(headers,
		tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(shell))})
	for _, command := range []string{"sh", "mv", "chmod"} {
		headers = append(headers, tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + command, Linkname: "busybox"})
	}
	for _, header := range headers {
		if err := files.WriteHeader(&header); err != nil {
			return nil, err
		}
		if header.Size > 0 {
			if _, err := files.Write(shell); err != nil {
				return nil, err
			}
		}
	}
	err := files.Close()
	return content.Bytes(), err
}
