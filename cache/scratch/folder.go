// Package scratch manages the folders in which processes work inside Nx's cache directory,
// one for each process. It decides which cache directories are safe, finds out which
// processes are alive and which results other runs are making, and removes what dead
// processes have left. It knows locks, owners and names; it must not know archives, the
// storage, nor what a process does in its folder.
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

// scratchName is the folder in Nx's cache directory that holds the folders of all
// processes, in which they unpack results and spool archives. It is on the file system
// that results are renamed to. Its name is not a task hash, so Nx ignores it.
const scratchName = ".nx-azure-cache"

// lockSuffix ends the name of a folder's lock file. The lock file is next to the folder, so
// that it exists before and after the folder.
//
// The process that holds the lock may make and remove the folder and the lock file. Only a
// lock on the existing file counts ([acquireLock]).
const lockSuffix = ".lock"

// sessionName matches the names that [newSession] makes. The sweep removes only these.
var sessionName = regexp.MustCompile(`^([1-9][0-9]{0,9})-[a-z2-7]{8}$`)

// newSession returns the name of the folders of a process.
func newSession() string { return fmt.Sprintf("%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:8])) }

// processOf returns the ID of the process whose session has this name, or 0 if
// [newSession] has not made the name.
func processOf(session string) int {
	parts := sessionName.FindStringSubmatch(session)
	if parts == nil {
		return 0
	}
	id, _ := strconv.Atoi(parts[1]) // digits only
	return id
}

// FolderPath is the path of the folder of a session in a cache directory.
func FolderPath(cacheDirectory, session string) string {
	return filepath.Join(cacheDirectory, scratchName, session)
}

// Folder is the folder of this process in a cache directory. It, its parent and the cache
// directory are checked after they are opened, and stay open. So other users cannot
// redirect results by changing what is at their paths.
type Folder struct {
	*directory.Dir
	path           string // as the client passed it
	session        string
	cacheDirectory *directory.Dir
	parent         *directory.Dir // scratchName
	lock           *flock.Flock   // nil if the file system has no locks
	swept          atomic.Bool    // whether earlier leftovers are removed
}

// makeFolder locks and makes a folder. If the file system has no locks ([errNoLocks]), the
// folder has none, and the sweep skips it.
func makeFolder(cacheDirectory, session string, rule Rule) (f *Folder, err error) {
	// Other processes may interfere: the first one makes the parent, the last one removes
	// it, and a sweep takes the locks of missing folders.
	for range 100 {
		f, err = tryMakeFolder(cacheDirectory, session, rule)
		if !isTransient(err) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if last, ok := errors.AsType[beingMade](err); ok {
		err = last.error
	}
	return f, err
}

// beingMade is an error about a parent that another user has just made and may be about to
// open to the group.
type beingMade struct{ error }

// isTransient reports whether a retry may help: another process is ending, or the first
// one of another user is starting. On Windows, a directory that was removed while it was
// open denies all access until it is closed.
func isTransient(err error) bool {
	if _, ok := errors.AsType[beingMade](err); ok {
		return true
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) ||
		runtime.GOOS == "windows" && errors.Is(err, fs.ErrPermission)
}

func tryMakeFolder(cacheDirectory, session string, rule Rule) (*Folder, error) {
	f := &Folder{path: FolderPath(cacheDirectory, session), session: session}
	if err := f.open(cacheDirectory, rule); err != nil {
		releaseLock(f.lock)
		f.close()
		return nil, err
	}
	return f, nil
}

// open opens the directories and makes the missing ones.
func (f *Folder) open(cacheDirectory string, rule Rule) (err error) {
	if f.cacheDirectory, err = openCacheDirectory(cacheDirectory, rule); err != nil {
		return err
	}
	if f.parent, err = openParent(f.cacheDirectory, rule); err != nil {
		return err
	}
	f.lock, err = acquireLock(f.parent, f.session, true)
	if err != nil && !errors.Is(err, errNoLocks) {
		return explainParent(f.cacheDirectory, err)
	}
	// The folder may exist: another process removed only its lock, or the client has made
	// it.
	if err := f.parent.Root.Mkdir(f.session, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return explainParent(f.cacheDirectory, err)
	}
	if f.Dir, err = f.parent.OpenPrivate(f.session); err != nil || f.lock == nil {
		return err
	}
	return checkLocked(f.parent, f.lock)
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

// remove removes the folder, and the parent if no other process uses it.
func (f *Folder) remove() {
	f.Dir.Close()
	removeFolder(f.parent, f.session, f.lock)
	f.parent.Close()
	// This fails, as intended, while the parent is not empty.
	_ = f.cacheDirectory.RemoveDirectory(scratchName)
	f.cacheDirectory.Close()
}

// openCacheDirectory opens Nx's cache directory, and makes it if it is missing. It
// follows a link there, as Nx does.
func openCacheDirectory(path string, rule Rule) (*directory.Dir, error) {
	// As in Nx 24: under umask 0, the directory is not writable by all users.
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

// openParent opens the folder that holds the folders of all processes, and makes it if
// it is missing.
func openParent(cacheDirectory *directory.Dir, rule Rule) (*directory.Dir, error) {
	// The initial mode is right, as far as the umask allows: if this process is killed
	// before checkParent, other users of the cache directory can still use the parent.
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

// explainParent adds the fix to an error about the parent. Another user may have just made
// the parent and be about to open it to the group ([Rule.checkParent]).
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
