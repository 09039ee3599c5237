package scratch

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/gofrs/flock"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// removals is how often to try to remove a folder. Each file that its client writes meanwhile
// can make one attempt fail. A client that ends writes a few, such as the hand-over of its run.
const removals = 10

// sweep removes the folders of dead processes from the parent. It keeps everything that
// processes of this user do not make.
func (f *Folder) sweep() {
	parent := f.parent
	for session, hasLock := range leftovers(parent) {
		// Without a lock file, the process has just ended.
		lock, err := acquireLock(parent, session, !hasLock)
		if err != nil {
			continue
		}
		d, err := parent.OpenPrivate(session)
		if err == nil {
			f.reportUnfinished(session)
			d.Close()
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			removeFolder(parent, session, lock)
		} else {
			releaseLock(lock)
		}
	}
}

// leftovers returns the sessions that have a folder or a lock in parent, and whether
// they have a lock.
func leftovers(parent *directory.Dir) map[string]bool {
	sessions, others := make(map[string]bool), make(map[string]bool)
	for _, name := range parent.Names() {
		session, isLock := strings.CutSuffix(name, lockSuffix)
		if processOf(session) == 0 {
			continue
		}
		info, err := parent.Root.Lstat(name)
		isOurs := err == nil && directory.CheckOwner(name, info) == nil
		if isLock {
			isOurs = isOurs && info.Mode().IsRegular() && info.Size() == 0
		} else {
			isOurs = isOurs && info.IsDir()
		}
		others[session] = others[session] || !isOurs
		sessions[session] = sessions[session] || isLock
	}
	for session, isOther := range others {
		if isOther {
			delete(sessions, session)
		}
	}
	return sessions
}

// removeFolder removes a folder and its lock, which the caller holds, or nil. Files that
// cannot be removed only take space, and the next process tries again.
func removeFolder(parent *directory.Dir, session string, lock *flock.Flock) {
	for range removals {
		d, err := parent.OpenPrivate(session)
		if err != nil {
			break
		}
		d.Empty()
		d.Close()
		if parent.RemoveDirectory(session) == nil {
			break
		}
	}
	name := session + lockSuffix
	err := parent.Root.Remove(name)
	releaseLock(lock)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = parent.Root.Remove(name) // Windows removes no open file
	}
}
