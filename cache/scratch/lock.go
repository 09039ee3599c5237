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

// errNoLocks is wrapped by the error for a file system without locks, such as some network
// file systems.
var errNoLocks = errors.New("the file system has no locks")

// acquireLock acquires the lock of a session in parent; mayMake says whether to make the
// lock file. The error is [fs.ErrExist] if another process holds the lock, or
// [fs.ErrNotExist] if the file was removed meanwhile. It wraps [errNoLocks] only if the
// file exists and can be opened.
func acquireLock(parent *directory.Dir, session string, mayMake bool) (*flock.Flock, error) {
	if mayMake {
		// O_EXCL follows no link.
		f, err := parent.Root.OpenFile(session+lockSuffix, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			_ = f.Close() // empty
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
		err = checkLocked(parent, lock)
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock, nil
}

// lockOf returns the lock of a session without acquiring it. Its file must exist. Package
// flock opens the file by its path; [checkLocked] checks what it has opened.
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

// checkLocked returns an error unless the locked file is still at its path: the process
// that held the lock before may have removed the file.
func checkLocked(parent *directory.Dir, lock *flock.Flock) error {
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

// isAlive reports whether a process holds the lock of a session. If none does, it holds a
// shared lock for a moment, so that several processes can ask at once.
func isAlive(parent *directory.Dir, session string) (bool, error) {
	lock, err := lockOf(parent, session)
	if err != nil {
		return false, err
	}
	defer releaseLock(lock)
	locked, err := lock.TryRLock()
	return !locked, err
}

// releaseLock releases a lock; nil is a lock that the file system does not have.
func releaseLock(lock *flock.Flock) {
	if lock != nil {
		_ = lock.Close() // its file is empty
	}
}
