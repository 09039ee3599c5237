package history_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
)

// writeLocal writes what a run leaves in a cache directory, and returns its path.
func writeLocal(t *testing.T, cacheDirectory string, content []byte) string {
	t.Helper()
	file := filepath.Join(cacheDirectory, ".nx-azure-cache", "last-run")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

func localBody(t *testing.T) []byte {
	t.Helper()
	body, err := runs.Encode(record(trust.Local, now, "here"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestReadLocal(t *testing.T) {
	dir := t.TempDir()
	if _, err := history.ReadLocal(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: got %v, want fs.ErrNotExist", err)
	}
	if _, err := history.ReadLocal(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a cache directory: got %v, want fs.ErrNotExist", err)
	}
	file := writeLocal(t, dir, localBody(t))
	if got, err := history.ReadLocal(dir); err != nil || got.Session != "here" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := history.ReadLocal(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: got %v, want fs.ErrNotExist", err)
	}
}

// A checkout may contain the cache directory, and another user may share it.
func TestReadLocalOfHostileFiles(t *testing.T) {
	for name, test := range map[string]struct {
		change func(file string) error
		want   string
	}{
		"a link": {func(file string) error { return errors.Join(os.Rename(file, file+"-"), os.Symlink("last-run-", file)) }, "not a regular file"},
		"a folder that is a link": {func(file string) error {
			folder := filepath.Dir(file)
			return errors.Join(os.Rename(folder, folder+"-"), os.Symlink(folder+"-", folder))
		}, "symbolic link"},
		"a folder":    {func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, "not a regular file"},
		"a huge file": {func(file string) error { return os.Truncate(file, runs.MaxBody+1) }, "more than 4194304 bytes"},
		"another":     {func(file string) error { return os.WriteFile(file, []byte("\x1b[2J"), 0o600) }, "not valid"},
	} {
		dir := t.TempDir()
		if err := test.change(writeLocal(t, dir, localBody(t))); err != nil {
			t.Fatal(err)
		}
		if got, err := history.ReadLocal(dir); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v; want an error about %q", name, got, err, test.want)
		}
	}
}

// The file of another user says nothing about the runs of this one.
func TestReadLocalOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of another user")
	}
	dir := t.TempDir()
	if err := os.Chown(writeLocal(t, dir, localBody(t)), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if got, err := history.ReadLocal(dir); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("got %v, %v", got, err)
	}
}
