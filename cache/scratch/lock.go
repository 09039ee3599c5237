package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// errNoLocks is in the error of a lock that the file system does not have, as some network
// file systems.
var errNoLocks = errors.New("the file system has no locks")

// take takes the lock of a session in parent; mayMake says whether to make its
// file. The error is [fs.ErrExist] if another process has the lock, or
// [fs.ErrNotExist] if the file was removed meanwhile. It holds [errNoLocks] only if the
// file is there and can be opened: what cannot be made now is no reason to do without.
func take(parent *directory.Dir, session string, mayMake bool) (*flock.Flock, error) {
	if mayMake {
		// O_EXCL follows no link.
		f, err := parent.Root.OpenFile(session+lockSuffix, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			_ = f.Close() // there is nothing in it
		} else if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	lock, err := lockOf(parent, session)
	if err != nil {
		return nil, err
	}
	locked, err := lock.TryLock()
	_, isNotOpen := errors.AsType[*fs.PathError](err)
	switch {
	case isNotOpen:
	case err != nil:
		err = fmt.Errorf("%w: %w", errNoLocks, err)
	case !locked:
		err = fs.ErrExist
	default:
		err = checkPlace(parent, lock)
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock, nil
}

// lockOf returns the lock of a session, which is not taken yet. Its file must be
// there. Package flock opens it by its path: [checkPlace] tells what was opened.
func lockOf(parent *directory.Dir, session string) (*flock.Flock, error) {
	name := session + lockSuffix
	path := parent.Join(name)
	info, err := parent.Root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := checkLock(path, info); err != nil {
		return nil, err
	}
	return flock.New(path, flock.SetFlag(os.O_RDONLY|directory.NoFollow)), nil
}

func checkLock(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return directory.WrongType(path, "a file", info)
	}
	return directory.CheckOwner(path, info)
}

// checkPlace returns an error unless the file that is locked is the one that is
// there: the process that had the lock before may have removed it.
func checkPlace(parent *directory.Dir, lock *flock.Flock) error {
	held, err := lock.Stat()
	if err != nil {
		return err
	}
	there, err := parent.Root.Lstat(filepath.Base(lock.Path()))
	if err != nil {
		return err
	}
	if !os.SameFile(held, there) {
		return fs.ErrNotExist
	}
	return checkLock(lock.Path(), held)
}

// isAlive reports whether a process has the lock of a session. It shares the lock for
// a moment if none has: several may look at once.
func isAlive(parent *directory.Dir, session string) (bool, error) {
	lock, err := lockOf(parent, session)
	if err != nil {
		return false, err
	}
	defer release(lock)
	locked, err := lock.TryRLock()
	return !locked, err
}

// release gives a lock back. Nil is one that could not be had.
func release(lock *flock.Flock) {
	if lock != nil {
		_ = lock.Close() // there is nothing in its file
	}
}
