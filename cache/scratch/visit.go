package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Visitor inspects the folder of another process of this user.
type Visitor struct {
	// ProcessID is the ID of the process, from the name of its folder.
	ProcessID int

	session        string
	parent, folder *directory.Dir
}

// Visit opens the folder at path ([FolderPath]). It must be a real directory that belongs
// to this user, so that no other user has written to it. The error is [fs.ErrNotExist] if
// the folder does not exist, or a refusal ([fileerror.IsRefusal]) if it cannot be trusted.
// The caller closes the visitor.
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
		err = fileerror.Refuse(diagnostic.VersionsDiffer, "%s is not the folder of a cache process", path)
	}
	if err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// Root is the folder. [Visitor.Close] closes it.
func (v *Visitor) Root() *os.Root { return v.folder.Root }

// Close closes the folder.
func (v *Visitor) Close() {
	v.parent.Close()
	if v.folder != nil {
		v.folder.Close()
	}
}

// Alive reports whether the process is alive, according to its lock. The error is a
// refusal if another user has made the lock.
func (v *Visitor) Alive() (bool, error) {
	alive, err := isAlive(v.parent, v.session)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case fileerror.IsRefusal(err):
		return false, err
	}
	return alive || err != nil, nil // without locks, it counts as alive
}
