package cache

import (
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
)

// pendingName is the file in a process's folder in which its client notes the tasks that
// it runs: "+HASH\n" before a task begins, "-HASH\n" when it ends, with a result or
// without. Other processes in the same cache directory read it.
//
// Two runs of one task in one workspace disturb each other: a task that begins may delete
// what the other has just built, while Nx copies it. What Nx then hands over is
// incomplete, and nothing in it shows that. So a result is not stored while another run
// here is making it, too. The last of them that succeeds stores it, if its mode lets it
// write. If a run fails after the others have ended, none of them stores the result: the
// next run that makes it does.
//
// What is not seen: runs without this cache (NX_SKIP_REMOTE_CACHE, --skip-nx-cache), of
// other users, in batches of Nx, and on file systems without locks; runs of the same task
// with another hash; and what Nx restores from its local cache meanwhile.
const pendingName = "pending"

// maxPending is more than a run writes: 20,000 tasks need a megabyte.
const maxPending = 16 << 20

// isMadeByAnother reports whether another run that is at work in the cache directory
// is making the result of a hash.
func (f *folder) isMadeByAnother(hash string) bool {
	for _, name := range f.parent.names() {
		session, isLock := strings.CutSuffix(name, lockSuffix)
		if !isLock || session == f.session || processOf(session) == 0 {
			continue
		}
		if isAlive(f.parent, session) && isPending(f.parent, session, hash) {
			return true
		}
	}
	return false
}

// isAlive reports whether a process has the lock of a session. It shares the lock for
// a moment if none has: several may look at once.
func isAlive(parent *directory, session string) bool {
	lock, err := lockOf(parent, session)
	if err != nil {
		return false
	}
	defer release(lock)
	locked, err := lock.TryRLock()
	return err == nil && !locked
}

// isPending reports whether the file of a session says that it is making a result.
func isPending(parent *directory, session, hash string) bool {
	content, err := readPending(parent, session)
	if err != nil {
		return false
	}
	content = append([]byte("\n"), content...)
	last := func(sign string) int { return bytes.LastIndex(content, []byte("\n"+sign+hash+"\n")) }
	return last("+") > last("-")
}

func readPending(parent *directory, session string) ([]byte, error) {
	name := path.Join(session, pendingName)
	// Opening what is no file may wait for ever.
	if info, err := parent.root.Lstat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	f, err := parent.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing is lost
	return io.ReadAll(io.LimitReader(f, maxPending))
}
