// Package scratch is the folders in which processes work inside Nx's cache directory, each
// in one of its own: who may use a cache directory, which process is alive, what a dead one
// has left, which results another run is making just now. It knows locks, owners and
// names; it must not know archives, the storage, nor what is done in a folder.
package scratch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// scratchName is the folder in Nx's cache directory in which processes work,
// each in one of its own: results are unpacked and archives spooled there. It
// is on the file system of the place they are renamed to, and no hash of Nx's,
// so Nx leaves it alone.
const scratchName = ".nx-azure-cache"

// lockSuffix ends the name of the lock of a process's folder. The lock lies
// beside the folder, so that it is there before and after it.
//
// The process that holds the lock may make and remove the folder, and the lock's own
// file: what counts is a lock on the file that is there ([take]).
const lockSuffix = ".lock"

// sessionName is the form of the names that [newSession] makes. The sweep removes
// nothing else.
var sessionName = regexp.MustCompile(`^([1-9][0-9]{0,9})-[a-z2-7]{8}$`)

// newSession returns the name of the folders of a process.
func newSession() string { return fmt.Sprintf("%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:8])) }

// processOf returns the ID of the process that works in a folder, or 0 if the name
// is not one of ours.
func processOf(session string) int {
	parts := sessionName.FindStringSubmatch(session)
	if parts == nil {
		return 0
	}
	id, _ := strconv.Atoi(parts[1]) // the form allows digits only
	return id
}

// FolderPath is where the process called session works in a cache directory.
func FolderPath(cacheDirectory, session string) string {
	return filepath.Join(cacheDirectory, scratchName, session)
}

// Folder is the folder of this process in a cache directory. All three
// directories were checked after they were opened, and stay open: results go
// where they should, whatever other users put at their paths later.
type Folder struct {
	*directory.Dir
	path           string // as the client spells it
	session        string
	cacheDirectory *directory.Dir
	parent         *directory.Dir // scratchName
	lock           *flock.Flock   // nil where the file system has none
	swept          atomic.Bool    // what was left here before
}

// makeFolder makes a folder that is locked from its beginning, except where the file
// system has no locks ([errNoLocks]). The sweep skips a folder that it cannot lock.
func makeFolder(cacheDirectory, session string, rule Rule) (f *Folder, err error) {
	// Other processes may be at work just now: the first one makes the parent, the last
	// one to leave removes it, and a sweep takes the locks of folders that are not there.
	for range 100 {
		f, err = tryMakeFolder(cacheDirectory, session, rule)
		if !isPassing(err) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if last, ok := errors.AsType[beingMade](err); ok {
		err = last.error
	}
	return f, err
}

// beingMade is the error of a parent that another user has just made, perhaps to open it
// to the group in a moment.
type beingMade struct{ error }

// isPassing reports whether an error may be gone in a moment: a process leaves, or the
// first one of another user begins. On Windows a directory that was removed while it was
// open refuses all access until it is closed.
func isPassing(err error) bool {
	if _, ok := errors.AsType[beingMade](err); ok {
		return true
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) ||
		runtime.GOOS == "windows" && errors.Is(err, fs.ErrPermission)
}

func tryMakeFolder(cacheDirectory, session string, rule Rule) (*Folder, error) {
	f := &Folder{path: FolderPath(cacheDirectory, session), session: session}
	if err := f.open(cacheDirectory, rule); err != nil {
		release(f.lock)
		f.close()
		return nil, err
	}
	return f, nil
}

// open opens everything, and makes what is missing.
func (f *Folder) open(cacheDirectory string, rule Rule) (err error) {
	if f.cacheDirectory, err = openCacheDirectory(cacheDirectory, rule); err != nil {
		return err
	}
	if f.parent, err = openParent(f.cacheDirectory, rule); err != nil {
		return err
	}
	f.lock, err = take(f.parent, f.session, true)
	if err != nil && !errors.Is(err, errNoLocks) {
		return explainParent(f.cacheDirectory, err)
	}
	// The folder may be there: a process removed its lock only, or the client
	// was faster.
	if err := f.parent.Root.Mkdir(f.session, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return explainParent(f.cacheDirectory, err)
	}
	if f.Dir, err = f.parent.OpenPrivate(f.session); err != nil || f.lock == nil {
		return err
	}
	return checkPlace(f.parent, f.lock)
}

// close closes the directories.
func (f *Folder) close() {
	for _, d := range []*directory.Dir{f.Dir, f.parent, f.cacheDirectory} {
		if d != nil {
			d.Close()
		}
	}
}

// CacheDirectory is the path of the cache directory that the folder is in.
func (f *Folder) CacheDirectory() string { return f.cacheDirectory.Root.Name() }

// IsThere reports whether the folder is still at its path.
func (f *Folder) IsThere() bool {
	info, err := os.Lstat(f.path)
	return err == nil && os.SameFile(info, f.Info)
}

// remove removes the folder, and the parent if it is the last one there.
func (f *Folder) remove() {
	f.Dir.Empty()
	f.Dir.Close()
	removeFolder(f.parent, f.session, f.lock)
	f.parent.Close()
	// Fails while others are at work in the parent, as it should.
	_ = f.cacheDirectory.RemoveDirectory(scratchName)
	f.cacheDirectory.Close()
}

// openCacheDirectory opens Nx's cache directory, and makes it if it is missing. It
// may be a link, which Nx follows as well.
func openCacheDirectory(path string, rule Rule) (*directory.Dir, error) {
	// The mode that Nx 24 uses: under umask 0 it does not become everybody's.
	if err := os.MkdirAll(path, 0o775); err != nil {
		return nil, err
	}
	d, err := directory.Open(path)
	if err != nil {
		return nil, err
	}
	if err := rule.check(path, d.Info); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// openParent opens the folder that holds those of all processes, and makes it if
// it is missing.
func openParent(cacheDirectory *directory.Dir, rule Rule) (*directory.Dir, error) {
	// Its mode is right from the beginning, as far as the umask allows: if this process is
	// killed before checkParent, other users of the cache directory can still use it.
	err := cacheDirectory.Root.Mkdir(scratchName, cacheDirectory.Info.Mode().Perm()&0o775|0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, cacheDirectory.Explain(err)
	}
	parent, err := cacheDirectory.Open(scratchName)
	if err != nil {
		return nil, explainParent(cacheDirectory, err)
	}
	if err := rule.checkParent(parent, cacheDirectory); err != nil {
		parent.Close()
		return nil, err
	}
	return parent, nil
}

// explainParent adds advice to an error of the parent. Another user who has just made
// it may open it to the group in a moment ([Rule.checkParent]): by now, its mode
// and group may be right already.
func explainParent(cacheDirectory *directory.Dir, err error) error {
	info, statErr := cacheDirectory.Root.Lstat(scratchName)
	if statErr != nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	err = directory.ExplainPermission(err, cacheDirectory.Join(scratchName), info)
	if time.Since(info.ModTime()).Abs() < time.Second {
		return beingMade{err}
	}
	return err
}

// sweep removes the folders in the parent whose processes have died. It keeps everything
// that is not exactly as processes of this user make it.
func (f *Folder) sweep() {
	parent := f.parent
	for session, hasLock := range leftovers(parent) {
		// If the lock is not there any more, its process has just left.
		lock, err := take(parent, session, !hasLock)
		if err != nil {
			continue
		}
		d, err := parent.OpenPrivate(session)
		if err == nil {
			f.passOn(session)
			d.Empty()
			d.Close()
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			removeFolder(parent, session, lock)
		} else {
			release(lock)
		}
	}
}

// leftovers are the sessions that have a folder or a lock in parent, and whether
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

// removeFolder removes a folder that is empty, and its lock, which the caller
// holds, or nil. Files that stay only cost space, and the next process tries again.
func removeFolder(parent *directory.Dir, session string, lock *flock.Flock) {
	_ = parent.RemoveDirectory(session)
	name := session + lockSuffix
	err := parent.Root.Remove(name)
	release(lock)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = parent.Root.Remove(name) // where an open file cannot be removed
	}
}
