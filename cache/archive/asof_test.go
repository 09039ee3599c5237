//go:build unix

package archive_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// moment waits for the next tick of the file system's clock, and returns the time before
// it. The clock stamps later changes with a later time.
func moment(t *testing.T) time.Time {
	t.Helper()
	probe := filepath.Join(t.TempDir(), "probe")
	stamp := func() time.Time {
		if err := os.WriteFile(probe, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(probe)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	asOf := stamp()
	for !stamp().After(asOf) {
		time.Sleep(time.Millisecond)
	}
	return asOf
}

// rewrite replaces the content of a file with one of the same length, and restores its
// modification time.
func rewrite(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, []byte(strings.Repeat("!", int(info.Size()))), 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
}

// Each change happens before the tree is read, so only the clock can show it.
func TestChangesSince(t *testing.T) {
	in := func(change func(path string) error, names ...string) func(string) error {
		return func(dir string) error {
			var errs []error
			for _, name := range names {
				errs = append(errs, change(filepath.Join(dir, name)))
			}
			return errors.Join(errs...)
		}
	}
	for name, change := range map[string]func(dir string) error{
		"a file is added":                        in(func(p string) error { return os.WriteFile(p, nil, 0o600) }, "new"),
		"a file is added in a folder":            in(func(p string) error { return os.WriteFile(p, nil, 0o600) }, "c/d/new"),
		"a folder is added":                      in(func(p string) error { return os.Mkdir(p, 0o755) }, "c/new"),
		"a link is added":                        in(func(p string) error { return os.Symlink("d", p) }, "c/new"),
		"a file is removed":                      in(os.Remove, "a"),
		"a file in a folder is removed":          in(os.Remove, "c/d/e"),
		"an empty folder is removed":             in(os.Remove, "empty"),
		"a folder is removed":                    in(os.RemoveAll, "c"),
		"a link is removed":                      in(os.Remove, "link"),
		"the target of a link changes":           in(func(p string) error { return errors.Join(os.Remove(p), os.Symlink("c/d", p)) }, "link"),
		"a file is renamed":                      func(dir string) error { return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")) },
		"a folder is renamed":                    func(dir string) error { return os.Rename(filepath.Join(dir, "c/d"), filepath.Join(dir, "c/f")) },
		"a file moves":                           func(dir string) error { return os.Rename(filepath.Join(dir, "c/d/e"), filepath.Join(dir, "c/e")) },
		"the mode of a file changes":             in(func(p string) error { return os.Chmod(p, 0o755) }, "a"),
		"the mode of a folder changes":           in(func(p string) error { return os.Chmod(p, 0o700) }, "c/d"),
		"a file is rewritten and keeps its time": in(rewrite, "c/d/e"),
		"the time of a file changes":             in(func(p string) error { return os.Chtimes(p, someTime, someTime.Add(time.Hour)) }, "a"),
		"a file is replaced": func(dir string) error {
			other := filepath.Join(dir, "..", "other")
			return errors.Join(os.WriteFile(other, []byte("other"), 0o600), os.Rename(other, filepath.Join(dir, "a")))
		},
		"a file is added and removed":          in(func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o600), os.Remove(p)) }, "c/new"),
		"the tree is removed":                  in(os.RemoveAll, ""),
		"the tree is emptied":                  in(os.RemoveAll, "a", "c", "empty", "link"),
		"the tree is replaced by an older one": replaceWhole,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(cachetest.TempDir(t), "123")
			plant(t, dir, []node{
				{name: "a", content: "a"}, {name: "c/d/e", content: "e"}, {name: "empty/"}, {name: "link", target: "c"},
				{name: "../older/a", content: "a"},
			})
			asOf := moment(t)
			if err := codec.Write(io.Discard, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, asOf); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			err := codec.Write(io.Discard, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, asOf)
			if !errors.Is(err, archive.ErrChanged) || errors.Is(err, archive.ErrNotStorable) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %v on one line", err, archive.ErrChanged)
			}
			if !errors.Is(err, os.ErrNotExist) { // otherwise there may be no tree
				if err := codec.Write(io.Discard, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, time.Time{}); err != nil {
					t.Errorf("without a time: %v", err)
				}
			}
		})
	}
}

// replaceWhole replaces a tree with one that existed before.
func replaceWhole(dir string) error {
	return errors.Join(os.Rename(dir, dir+"-old"), os.Rename(filepath.Join(dir, "..", "older"), dir))
}

// Reading the tree is not a change, and neither are changes outside of it.
func TestNoChange(t *testing.T) {
	dir := filepath.Join(cachetest.TempDir(t), "123")
	plant(t, dir, []node{{name: "a", content: "a"}, {name: "c/d", content: "d"}, {name: "link", target: "a"}})
	asOf := moment(t)
	for _, name := range []string{"a", "c/d", "link"} {
		if _, err := os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "..", "124"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := codec.Write(io.Discard, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, asOf); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

// A change of files that are already packed, while the rest is being packed.
func TestChangesOfPackedFiles(t *testing.T) {
	cachetest.SkipWithRace(t)
	for name, change := range map[string]func(dir string) error{
		"a file is removed":   func(dir string) error { return os.Remove(filepath.Join(dir, "0/first")) },
		"a file is added":     func(dir string) error { return os.WriteFile(filepath.Join(dir, "0/second"), nil, 0o600) },
		"a folder is removed": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "0")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(cachetest.TempDir(t), "123")
			plant(t, dir, []node{{name: "0/first", content: "1"}, {name: "a", content: cachetest.Noise(8, largerThanTheWork)}})
			asOf := moment(t)
			w := &hook{do: func() {
				if err := change(dir); err != nil {
					t.Error(err)
				}
			}}
			err := codec.Write(w, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, asOf)
			if w.do != nil {
				t.Fatal("the test changed nothing")
			}
			if !errors.Is(err, archive.ErrChanged) {
				t.Errorf("got %v, want %v", err, archive.ErrChanged)
			}
		})
	}
}
