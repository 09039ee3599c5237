//go:build !unix

package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// folder is an open directory that creates entries by names of one component.
type folder struct{ root *os.Root }

// folderOf opens a directory of the caller again by its path, the only way to get an
// os.Root.
func folderOf(dir *os.File) (*folder, error) {
	root, err := os.OpenRoot(dir.Name())
	if err != nil {
		return nil, err
	}
	return &folder{root}, nil
}

// open opens a directory below this one.
func (f *folder) open(name string) (*folder, error) {
	root, err := f.root.OpenRoot(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	return &folder{root}, nil
}

func (f *folder) close() { _ = f.root.Close() } // a handle of a directory: nothing is lost

func (f *folder) mkdir(name string, mode fs.FileMode) error { return f.root.Mkdir(name, mode) }

// file is a file that is being written.
type file = os.File

// create creates a file with the content that write writes to it.
func (f *folder) create(name string, a Attributes, write func(*file) error) error {
	out, err := f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, a.Mode)
	if err != nil {
		return err
	}
	if err := errors.Join(write(out), out.Close()); err != nil {
		return err
	}
	return f.setTime(name, a.ModTime)
}

// symlink creates a link. It keeps the time of its creation, because os.Root can set only
// the time of a link's target.
func (f *folder) symlink(target, name string, _ time.Time) error {
	return f.root.Symlink(filepath.FromSlash(target), name)
}

func (f *folder) setTime(name string, t time.Time) error { return f.root.Chtimes(name, t, t) }
