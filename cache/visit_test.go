//go:build unix

package cache_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

func TestVisit(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, stored(t, "123"))
	_, _ = c.Retrieve(t.Context(), "404", dir) // creates its folder
	folder := scratch.FolderPath(dir, c.Session())
	v, err := scratch.Visit(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if alive, err := v.Alive(); v.ProcessID != os.Getpid() || !alive || err != nil {
		t.Errorf("got %d, %t, %v; want this process, alive", v.ProcessID, alive, err)
	}
	c.Close(t.Context())
	if alive, err := v.Alive(); alive || err != nil {
		t.Errorf("got %t, %v; want a dead process", alive, err)
	}
	if _, err := scratch.Visit(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// A folder that no process of this user has created is rejected.
func TestVisitOfForeignFolders(t *testing.T) {
	const session = "1-abcdefgh"
	for name, make := range map[string]func(t *testing.T, dir string){
		"the parent is a link": func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "other", session, "state"), "")
			symlink(t, "other", filepath.Join(dir, ".nx-azure-cache"))
		},
		"the folder is a link": func(t *testing.T, dir string) {
			writeFile(t, scratch.FolderPath(dir, "other/state"), "")
			symlink(t, "other", scratch.FolderPath(dir, session))
		},
		"the folder is a file": func(t *testing.T, dir string) { writeFile(t, scratch.FolderPath(dir, session), "") },
		"the folder belongs to another user": func(t *testing.T, dir string) {
			cachetest.NeedRoot(t)
			writeFile(t, scratch.FolderPath(dir, session+"/state"), "")
			if err := os.Chown(scratch.FolderPath(dir, session), strangerID, -1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			make(t, dir)
			_, err := scratch.Visit(scratch.FolderPath(dir, session))
			if !fileerror.IsRefusal(err) {
				t.Errorf("got %v, want a refusal", err)
			}
			if isAlive(scratch.FolderPath(dir, session)) {
				t.Error("the folder counts as alive")
			}
		})
	}
	dir := cachetest.TempDir(t)
	writeFile(t, scratch.FolderPath(dir, "other/state"), "")
	if _, err := scratch.Visit(scratch.FolderPath(dir, "other")); err == nil {
		t.Error("a folder with a foreign name is accepted")
	}
}

// Only a lock of this user shows that a process runs.
func TestLockOfAnotherUser(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"a link":      func(t *testing.T, path string) { symlink(t, "target", path) },
		"a directory": func(t *testing.T, path string) { writeFile(t, path+"/a", "") },
		"another's": func(t *testing.T, path string) {
			cachetest.NeedRoot(t)
			writeFile(t, path, "")
			if err := os.Chown(path, strangerID, -1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := scratch.FolderPath(cachetest.TempDir(t), "1-abcdefgh")
			writeFile(t, filepath.Join(folder, "state"), "")
			writeFile(t, filepath.Join(filepath.Dir(folder), "target"), "")
			make(t, folder+".lock")
			v, err := scratch.Visit(folder)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if alive, err := v.Alive(); alive || err == nil {
				t.Errorf("got %t, %v; want a refusal", alive, err)
			}
		})
	}
}
