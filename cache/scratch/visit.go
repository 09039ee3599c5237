package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Visitor looks at the folder of another process of this user.
type Visitor struct {
	// ProcessID is that of the process, by the name of its folder.
	ProcessID int

	session        string
	parent, folder *directory.Dir
}

// Visit opens a [Folder]. It must be a real directory of this user, so that no other
// user has written in it. The error is [fs.ErrNotExist] if there is
// none, or a [*fileerror.Error] if it is not to be believed. The caller closes the
// visitor.
func Visit(path string) (*Visitor, error) {
	parentPath, session := filepath.Split(filepath.Clean(path))
	parentPath = filepath.Clean(parentPath)
	cacheDirectory, err := directory.Open(filepath.Dir(parentPath))
	if err != nil {
		return nil, err
	}
	defer cacheDirectory.Close()
	parent, err := cacheDirectory.Open(filepath.Base(parentPath))
	if err != nil {
		return nil, err
	}
	v := &Visitor{ProcessID: processOf(session), session: session, parent: parent}
	v.folder, err = parent.OpenPrivate(session)
	if err == nil && v.ProcessID == 0 {
		err = fileerror.Refuse("%s is not the folder of a cache process", path)
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// Root is the folder. [Visitor.Close] closes it.
func (v *Visitor) Root() *os.Root { return v.folder.Root }

// Close closes what is open.
func (v *Visitor) Close() {
	v.parent.Close()
	if v.folder != nil {
		v.folder.Close()
	}
}

// Alive reports whether the process has not ended, as far as its lock tells. The
// error is a [*fileerror.Error] if another user has made the lock.
func (v *Visitor) Alive() (bool, error) {
	alive, err := isAlive(v.parent, v.session)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case fileerror.IsRefusal(err):
		return false, err
	}
	return alive || err != nil, nil // where locks cannot be had, nothing says that it has ended
}
