package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// scratchName is the folder in Nx's cache directory in which processes work,
// each in one of its own: results are unpacked and archives spooled there. It
// is on the file system of the place they are renamed to, and no hash of Nx's,
// so Nx leaves it alone.
const scratchName = ".nx-azure-cache"

// lockSuffix ends the name of the lock of a process's folder. The lock lies
// beside the folder, so that it is there before and after it.
//
// Whoever holds the lock may make and remove the folder, and the lock's own file:
// what counts is a lock on the file that is there ([take]).
const lockSuffix = ".lock"

// Folder is where the process called session works in a cache directory.
func Folder(cacheDirectory, session string) string {
	return filepath.Join(cacheDirectory, scratchName, session)
}

// onlyThere makes no lock's file that is not there.
var onlyThere = flock.SetFlag(os.O_RDONLY)

// Alive reports whether the process that works in a [Folder] has not ended, as
// far as its lock tells.
func Alive(folder string) bool {
	lock := flock.New(folder+lockSuffix, onlyThere)
	free, err := lock.TryRLock() // shared: others may ask, too
	_ = lock.Close()
	return !free && !errors.Is(err, fs.ErrNotExist)
}

// take takes the lock of a folder. The error is [fs.ErrExist] if somebody else
// has it, or [fs.ErrNotExist] if it was removed meanwhile.
func take(folder string, options ...flock.Option) (*flock.Flock, error) {
	lock := flock.New(folder+lockSuffix, options...)
	locked, err := lock.TryLock()
	switch {
	case err != nil:
	case !locked:
		err = fs.ErrExist
	default:
		err = checkPlace(lock)
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock, nil
}

// checkPlace returns an error unless the file that is locked is the one that is
// there: whoever had the lock before may have removed it.
func checkPlace(lock *flock.Flock) error {
	held, err := lock.Stat()
	if err != nil {
		return err
	}
	there, err := os.Lstat(lock.Path())
	if err != nil {
		return err
	}
	if !os.SameFile(held, there) {
		return fs.ErrNotExist
	}
	return nil
}

// makeFolder makes a folder that is locked from its beginning. The lock is nil
// where locks cannot be had (some network file systems): what nobody can lock
// nobody sweeps.
func makeFolder(folder string) (lock *flock.Flock, err error) {
	// Whoever leaves last removes the parent, and who sweeps takes the locks of
	// folders that are not there: perhaps just now.
	for range 100 {
		lock, err = tryMakeFolder(folder)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return lock, err
}

func tryMakeFolder(folder string) (*flock.Flock, error) {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return nil, err
	}
	lock, err := take(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	err = os.Mkdir(folder, 0o755)
	if errors.Is(err, fs.ErrExist) { // left by somebody who removed its lock only
		err = nil
	}
	if err == nil && lock != nil {
		err = checkPlace(lock)
	}
	if err != nil {
		release(lock)
		return nil, err
	}
	return lock, nil
}

// sweep removes the folders in parent whose processes have died.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	locked := make(map[string]bool) // whether a folder's lock was there
	for _, entry := range entries {
		name, isLock := strings.CutSuffix(entry.Name(), lockSuffix)
		folder := filepath.Join(parent, name)
		locked[folder] = locked[folder] || isLock
	}
	for folder, locked := range locked {
		var options []flock.Option
		if locked { // if it is not any more, its process has just left
			options = append(options, onlyThere)
		}
		if lock, err := take(folder, options...); err == nil {
			removeFolder(folder, lock)
		}
	}
}

// removeFolder removes a folder and its lock, which the caller holds, or nil.
func removeFolder(folder string, lock *flock.Flock) {
	_ = removeTree(folder) // what is left costs space, and the next process tries again
	path := folder + lockSuffix
	err := os.Remove(path)
	release(lock)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(path) // where an open file cannot be removed
	}
}

// release gives a lock back. Nil is one that could not be had.
func release(lock *flock.Flock) {
	if lock != nil {
		_ = lock.Close() // there is nothing in its file
	}
}
