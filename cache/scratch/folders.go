package scratch

import (
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Folders are the folders of this process, one in each cache directory it was
// asked to work in.
type Folders struct {
	Session string // name of the folders
	rule    Rule
	sweeps  sync.WaitGroup
	given   atomic.Int64 // spots

	mu      sync.Mutex
	folders map[string]known // by cache directory
}

// known is what is known of a cache directory: the folder there, or why there is
// none for the rest of this process.
type known struct {
	*Folder
	refusal error
}

// New returns folders, of which there are none yet.
func New(rule Rule) *Folders {
	return &Folders{Session: newSession(), rule: rule, folders: make(map[string]known)}
}

// NewPath returns a Path. The caller removes what it puts there.
func (s *Folders) NewPath(cacheDirectory string) (Path, error) {
	for range 3 {
		f, err := s.Open(cacheDirectory)
		if err != nil {
			return Path{}, err
		}
		if f.IsThere() {
			return Path{f, strconv.FormatInt(s.given.Add(1), 10)}, nil
		}
		// Somebody has emptied the cache directory (`nx reset`), lock and all.
		s.forget(cacheDirectory, f)
	}
	return Path{}, fileerror.Of(cacheDirectory, &fs.PathError{Op: "make", Path: FolderPath(cacheDirectory, s.Session), Err: fs.ErrNotExist})
}

// Open makes the folder of this process in a cache directory, the first time
// also removing what processes that have died have left there. The error is a
// [*fileerror.Error] if there is no cache in this cache directory.
func (s *Folders) Open(cacheDirectory string) (*Folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.folders[cacheDirectory]; ok {
		return known.Folder, known.refusal
	}
	f, err := makeFolder(cacheDirectory, s.Session, s.rule)
	err = fileerror.Of(cacheDirectory, err)
	if fileerror.IsRefusal(err) {
		s.folders[cacheDirectory] = known{refusal: err}
	}
	if err != nil {
		return nil, err
	}
	s.folders[cacheDirectory] = known{Folder: f}
	s.sweeps.Go(func() { f.sweep(); f.swept.Store(true) })
	return f, nil
}

// EndRun is [Folder.endRun] in all cache directories.
func (s *Folders) EndRun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.folders {
		if known.Folder != nil {
			known.endRun()
		}
	}
}

// Roots are the folders of this process, which may be closed meanwhile.
func (s *Folders) Roots() []*os.Root {
	s.mu.Lock()
	defer s.mu.Unlock()
	roots := make([]*os.Root, 0, len(s.folders))
	for _, known := range s.folders {
		if known.Folder != nil {
			roots = append(roots, known.Root)
		}
	}
	return roots
}

// forget lets the next call of Open make a folder again that is gone. Another
// goroutine that has missed it may have done so already. Results may still be at
// work in it: it is closed when none is.
func (s *Folders) forget(cacheDirectory string, f *Folder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders[cacheDirectory].Folder == f {
		release(f.lock)
		delete(s.folders, cacheDirectory)
	}
}

// Remove removes the folders of this process.
func (s *Folders) Remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeps.Wait()
	for _, known := range s.folders {
		if known.Folder != nil {
			known.Folder.remove()
		}
	}
	clear(s.folders)
}
