package history

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// ReadLocal returns the record of the last run in a cache directory, which every run leaves
// there. The error is [fs.ErrNotExist] if there is none.
//
// The file must belong to this user, because another user of the machine may share the
// cache directory.
func ReadLocal(cacheDirectory string) (*runs.Record, error) {
	content, err := readOwn(scratch.FolderPath(cacheDirectory, runs.LocalName))
	if err != nil {
		return nil, err
	}
	return runs.Decode(content)
}

// readOwn reads a file of this user, whose folder is no link.
func readOwn(path string) ([]byte, error) {
	folder, name := filepath.Split(path)
	outer, inner := filepath.Split(filepath.Clean(folder))
	cacheDirectory, err := directory.Open(filepath.Clean(outer))
	if err != nil {
		return nil, err
	}
	defer cacheDirectory.Close()
	parent, err := cacheDirectory.Open(inner)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	info, err := parent.Root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := directory.CheckOwner(parent.Join(name), info); err != nil {
		return nil, err
	}
	content, err := directory.ReadFile(parent.Root, name, runs.MaxBody)
	if pathError, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(err, os.ErrNotExist) {
		err = &fs.PathError{Op: pathError.Op, Path: parent.Join(name), Err: pathError.Err}
	}
	return content, err
}
