package lastrun_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/lastrun"
)

// As Nx 24.0.6 writes it, with fields that this package does not use.
const recorded = `{
  "run": {"command": "nx run-many -t build", "startTime": "2026-11-30T10:00:00.000Z", "inner": false},
  "tasks": [
    {"taskId": "shop:build:production", "target": "build", "projectName": "shop", "hash": "123", "startTime": "", "endTime": "", "params": "", "cacheStatus": "cache-miss", "status": 0},
    {"taskId": "shop:test", "target": "test", "projectName": "shop", "hash": "456", "status": 1},
    {"taskId": "evil:build", "target": "build", "projectName": "evil", "hash": "../../x", "status": 0},
    {"taskId": "twice:build", "target": "build", "projectName": "twice", "hash": "123", "status": 0},
    {"taskId": "none:build"}
  ]
}`

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := lastrun.Read(open(t, dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: got %v, want fs.ErrNotExist", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(recorded), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := lastrun.Read(open(t, dir))
	want := []lastrun.Task{
		{ID: "shop:build:production", Project: "shop", Target: "build", Hash: "123"},
		{ID: "shop:test", Project: "shop", Target: "test", Hash: "456", Code: 1},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// A checkout may contain the cache directory.
func TestReadOfHostileFiles(t *testing.T) {
	cachetest.SkipWithRace(t)
	for name, create := range map[string]func(file string) error{
		"link": func(file string) error {
			return errors.Join(os.WriteFile(file+".old", []byte(recorded), 0o644), os.Symlink("run.json.old", file))
		},
		"directory": func(file string) error { return os.Mkdir(file, 0o755) },
		"huge": func(file string) error {
			return os.WriteFile(file, append([]byte(recorded), bytes.Repeat([]byte(" "), 32<<20)...), 0o644)
		},
		"not JSON":    func(file string) error { return os.WriteFile(file, []byte("tasks:"), 0o644) },
		"other types": func(file string) error { return os.WriteFile(file, []byte(`{"tasks": {"hash": 1}}`), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := create(filepath.Join(dir, "run.json")); err != nil {
				t.Fatal(err)
			}
			if got, err := lastrun.Read(open(t, dir)); err == nil {
				t.Errorf("got %+v, want an error", got)
			}
		})
	}
}
