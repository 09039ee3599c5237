package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
)

// scratch is the folders of this process, one in each cache directory it was
// asked to work in.
type scratch struct {
	session string
	rule    DirectoryRule
	sweeps  sync.WaitGroup
	given   atomic.Int64 // spots

	mu      sync.Mutex
	folders map[string]known // by cache directory
}

// known is what is known of a cache directory: the folder there, or why there is
// none for the rest of this process.
type known struct {
	*folder
	refusal error
}

func newScratch(rule DirectoryRule) *scratch {
	return &scratch{session: newSession(), rule: rule, folders: make(map[string]known)}
}

// spot is a name in the folder of this process at which there is nothing, nor at
// one that adds something to it.
type spot struct {
	*folder
	name string
}

// with is the spot whose name adds a suffix.
func (s spot) with(suffix string) spot { return spot{s.folder, s.name + suffix} }

// fullPath is the spot's path, as the client spells it.
func (s spot) fullPath() string { return filepath.Join(s.path, s.name) }

// create creates a file that was not there.
func (s spot) create() (*os.File, error) {
	return s.root.OpenFile(s.name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// write creates a file with a text.
func (s spot) write(text string) error {
	f, err := s.create()
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, s.root.Remove(s.name))
	}
	return nil
}

// fresh returns a spot. The caller removes what it puts there.
func (s *scratch) fresh(cacheDirectory string) (spot, error) {
	for range 3 {
		f, err := s.open(cacheDirectory)
		if err != nil {
			return spot{}, err
		}
		if f.isThere() {
			return spot{f, strconv.FormatInt(s.given.Add(1), 10)}, nil
		}
		// Somebody has emptied the cache directory (`nx reset`), lock and all.
		s.forget(cacheDirectory, f)
	}
	return spot{}, fileError(cacheDirectory, &fs.PathError{Op: "make", Path: Folder(cacheDirectory, s.session), Err: fs.ErrNotExist})
}

// open makes the folder of this process in a cache directory, the first time
// also removing what processes that have died have left there. The error is a
// [*ConfigError] if there is no cache in this cache directory.
func (s *scratch) open(cacheDirectory string) (*folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.folders[cacheDirectory]; ok {
		return known.folder, known.refusal
	}
	f, err := makeFolder(cacheDirectory, s.session, s.rule)
	err = fileError(cacheDirectory, err)
	if isRefusal(err) {
		s.folders[cacheDirectory] = known{refusal: err}
	}
	if err != nil {
		return nil, err
	}
	s.folders[cacheDirectory] = known{folder: f}
	s.sweeps.Go(func() { f.sweep(); f.swept.Store(true) })
	return f, nil
}

// endRun is [folder.endRun] in all cache directories.
func (s *scratch) endRun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.folders {
		if known.folder != nil {
			known.endRun()
		}
	}
}

// roots are the folders of this process, which may be closed meanwhile.
func (s *scratch) roots() []*os.Root {
	s.mu.Lock()
	defer s.mu.Unlock()
	roots := make([]*os.Root, 0, len(s.folders))
	for _, known := range s.folders {
		if known.folder != nil {
			roots = append(roots, known.root)
		}
	}
	return roots
}

// forget lets the next call of open make a folder again that is gone. Another
// goroutine that has missed it may have done so already. Results may still be at
// work in it: it is closed when none is.
func (s *scratch) forget(cacheDirectory string, f *folder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders[cacheDirectory].folder == f {
		release(f.lock)
		delete(s.folders, cacheDirectory)
	}
}

// remove removes the folders of this process.
func (s *scratch) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeps.Wait()
	for _, known := range s.folders {
		if known.folder != nil {
			known.folder.remove()
		}
	}
	clear(s.folders)
}
