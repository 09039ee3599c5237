package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
)

// scratch is the folders of this process, one in each cache directory it was
// asked to work in.
type scratch struct {
	session string
	sweeps  sync.WaitGroup
	given   atomic.Int64 // fresh paths

	mu      sync.Mutex
	folders map[string]*flock.Flock // their locks; nil where none can be had
}

// newSession returns the name of the folders of a process.
func newSession() string { return fmt.Sprintf("%d-%s", os.Getpid(), strings.ToLower(rand.Text()[:8])) }

func newScratch() *scratch {
	return &scratch{session: newSession(), folders: make(map[string]*flock.Flock)}
}

// fresh returns a path in the folder of this process, at which there is nothing,
// nor at one that adds something to it. The caller removes what it puts there.
func (s *scratch) fresh(cacheDirectory string) (string, error) {
	for range 3 {
		folder, err := s.open(cacheDirectory)
		if err != nil {
			return "", err
		}
		if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
			return filepath.Join(folder, strconv.FormatInt(s.given.Add(1), 10)), err
		}
		// Somebody has emptied the cache directory (`nx reset`), lock and all.
		s.forget(folder)
	}
	return "", &fs.PathError{Op: "make", Path: Folder(cacheDirectory, s.session), Err: fs.ErrNotExist}
}

// open makes the folder of this process in a cache directory, the first time
// also removing what processes that have died have left there.
func (s *scratch) open(cacheDirectory string) (string, error) {
	folder := Folder(cacheDirectory, s.session)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.folders[folder]; ok {
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

// forget lets the next call of open make a folder again that is gone. Somebody
// else who has missed it may have done so already.
func (s *scratch) forget(folder string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		release(s.folders[folder])
		delete(s.folders, folder)
	}
}

// remove removes the folders of this process.
func (s *scratch) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for folder, lock := range s.folders {
		removeFolder(folder, lock)
	}
	s.sweeps.Wait()
	for folder := range s.folders {
		// Fails while others are at work in the parent, as it should.
		_ = os.Remove(filepath.Dir(folder))
	}
	clear(s.folders)
}
