package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"
)

// scratchName is the folder in Nx's cache directory in which processes work,
// each in one of its own: results are unpacked and archives spooled there. It
// is on the file system of the place they are renamed to, and no hash of Nx's,
// so Nx leaves it alone.
const scratchName = ".nx-azure-cache"

// lockSuffix ends the name of the lock of a process's folder. The lock lies
// beside the folder, so that it is there before and after it.
const lockSuffix = ".lock"

// Folder is where the process called session works in a cache directory.
func Folder(cacheDirectory, session string) string {
	return filepath.Join(cacheDirectory, scratchName, session)
}

// Alive reports whether the process that works in a [Folder] has not ended, as
// far as its lock tells.
func Alive(folder string) bool {
	lock := flock.New(folder+lockSuffix, flock.SetFlag(os.O_RDONLY)) // which creates none
	locked, err := lock.TryLock()
	_ = lock.Close()
	return !locked && !errors.Is(err, fs.ErrNotExist)
}

// scratch is the folders of this process, one in each cache directory it was
// asked to work in.
type scratch struct {
	session string
	sweeps  sync.WaitGroup

	mu      sync.Mutex
	folders map[string]*flock.Flock // locks by folder
}

// newSession returns the name of the folders of a process.
func newSession() string { return fmt.Sprintf("%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:8])) }

func newScratch() *scratch {
	return &scratch{session: newSession(), folders: make(map[string]*flock.Flock)}
}

// aside makes a fresh folder in that of this process.
func (s *scratch) aside(cacheDirectory string) (dir string, err error) {
	for range 3 {
		var folder string
		if folder, err = s.open(cacheDirectory); err != nil {
			return "", err
		}
		if dir, err = os.MkdirTemp(folder, ""); !errors.Is(err, fs.ErrNotExist) {
			return dir, err
		}
		// Somebody has emptied the cache directory (`nx reset`), lock and all.
		s.forget(folder)
	}
	return dir, err
}

// open makes the folder of this process in a cache directory, the first time
// also removing what processes that have died have left there.
func (s *scratch) open(cacheDirectory string) (string, error) {
	folder := Folder(cacheDirectory, s.session)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders[folder] != nil {
		return folder, nil
	}
	lock, err := makeFolder(folder)
	if err != nil {
		return "", err
	}
	s.folders[folder] = lock
	s.sweeps.Go(func() { sweep(filepath.Dir(folder)) })
	return folder, nil
}

// makeFolder makes a folder that is locked from its beginning. Where locks
// cannot be had (some network file systems) it goes without: what nobody can
// lock nobody sweeps.
func makeFolder(folder string) (lock *flock.Flock, err error) {
	// Whoever leaves last removes the parent, and who sweeps takes the locks of
	// folders that are not there: perhaps just now.
	for range 100 {
		lock = flock.New(folder + lockSuffix)
		if err = os.MkdirAll(filepath.Dir(folder), 0o755); err == nil {
			var locked bool
			if locked, err = lock.TryLock(); !locked && err == nil {
				err = fs.ErrExist
			} else if err = os.MkdirAll(folder, 0o755); err == nil && locked {
				_, err = os.Lstat(lock.Path())
			}
		}
		if err == nil {
			return lock, nil
		}
		_ = lock.Close()
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return nil, err
}

// sweep removes the folders in parent whose processes have died.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	folders := make(map[string]bool)
	for _, entry := range entries {
		folders[filepath.Join(parent, strings.TrimSuffix(entry.Name(), lockSuffix))] = true
	}
	for folder := range folders {
		lock := flock.New(folder + lockSuffix)
		if locked, err := lock.TryLock(); err == nil && locked {
			removeFolder(folder, lock)
		}
		_ = lock.Close()
	}
}

// removeFolder removes a folder and its lock, which the caller holds.
func removeFolder(folder string, lock *flock.Flock) {
	_ = removeTree(folder) // what is left costs space, and the next process tries again
	_ = os.Remove(lock.Path())
	_ = lock.Close()
	_ = os.Remove(lock.Path()) // where an open file cannot be removed
}

// paths are the folders of this process.
func (s *scratch) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := make([]string, 0, len(s.folders))
	for folder := range s.folders {
		paths = append(paths, folder)
	}
	return paths
}

// forget lets the next call of open make a folder again.
func (s *scratch) forget(folder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lock := s.folders[folder]; lock != nil {
		_ = lock.Close()
		delete(s.folders, folder)
	}
}

// remove removes the folders of this process.
func (s *scratch) remove() {
	s.sweeps.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for folder, lock := range s.folders {
		removeFolder(folder, lock)
		// Fails while others are at work in the parent, as it should.
		_ = os.Remove(filepath.Dir(folder))
	}
	clear(s.folders)
}

// discard removes an aside folder. What cannot be removed costs space, not
// correctness.
func discard(ctx context.Context, aside string) {
	if err := removeTree(aside); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("aside folder not removed")
	}
}

// replace renames the directory from to the path to, whatever stands there.
// What stood there is moved into aside.
func replace(from, to, aside string) error {
	var err error
	// Another process may restore the same result at the same time: both
	// results are the same, so it does not matter whose stays.
	for try := range 10 {
		if err = os.Rename(from, to); err == nil {
			return nil
		}
		old := filepath.Join(aside, fmt.Sprintf("old-%d", try))
		if moved := moveAway(to, old); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
			return errors.Join(err, moved)
		}
	}
	return err
}

// moveAway renames dir, also where it is read-only: a directory that may not be
// written may not change its parent either.
func moveAway(dir, to string) error {
	err := os.Rename(dir, to)
	if errors.Is(err, fs.ErrPermission) && os.Chmod(dir, 0o700) == nil {
		err = os.Rename(dir, to)
	}
	return err
}

// removeTree removes dir, also where its directories are read-only, as those
// of a task's outputs may be.
func removeTree(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	// An entry that cannot be read or changed shows in the RemoveAll below.
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
