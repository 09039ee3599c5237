package scratch

import (
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Folders are the folders of this process, one in each cache directory that it uses.
type Folders struct {
	Session string // name of the folders
	rule    Rule
	sweeps  sync.WaitGroup
	paths   atomic.Int64 // number of paths so far

	mu      sync.Mutex
	folders map[string]state // by cache directory
}

// state is the folder in a cache directory, or the reason why this process does not use
// that directory.
type state struct {
	*Folder
	refusal error
}

// New returns the folders of a process that has none yet.
func New(rule Rule) *Folders {
	return &Folders{Session: newSession(), rule: rule, folders: make(map[string]state)}
}

// NewPath returns an unused path. The caller removes what it puts there.
func (s *Folders) NewPath(cacheDirectory string) (Path, error) {
	for range 3 {
		f, err := s.Open(cacheDirectory)
		if err != nil {
			return Path{}, err
		}
		if f.IsThere() {
			return Path{f, strconv.FormatInt(s.paths.Add(1), 10)}, nil
		}
		// Another process has emptied the cache directory, lock included (`nx reset`).
		s.forget(cacheDirectory, f)
	}
	return Path{}, fileerror.Of(cacheDirectory, &fs.PathError{Op: "make", Path: FolderPath(cacheDirectory, s.Session), Err: fs.ErrNotExist})
}

// Open makes or returns the folder of this process in a cache directory. The first call
// also removes what dead processes have left there. The error is a refusal
// ([fileerror.IsRefusal]) if the cache directory must not be used.
func (s *Folders) Open(cacheDirectory string) (*Folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state, ok := s.folders[cacheDirectory]; ok {
		return state.Folder, state.refusal
	}
	f, err := makeFolder(cacheDirectory, s.Session, s.rule)
	err = fileerror.Of(cacheDirectory, err)
	if fileerror.IsRefusal(err) {
		s.folders[cacheDirectory] = state{refusal: err}
	}
	if err != nil {
		return nil, err
	}
	s.folders[cacheDirectory] = state{Folder: f}
	s.sweeps.Go(func() { f.sweep(); f.swept.Store(true) })
	return f, nil
}

// EndRun tells other processes in all cache directories that this run has ended.
func (s *Folders) EndRun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.folders {
		if state.Folder != nil {
			state.endRun()
		}
	}
}

// Roots returns the open folders of this process.
func (s *Folders) Roots() []*os.Root {
	s.mu.Lock()
	defer s.mu.Unlock()
	roots := make([]*os.Root, 0, len(s.folders))
	for _, state := range s.folders {
		if state.Folder != nil {
			roots = append(roots, state.Root)
		}
	}
	return roots
}

// forget makes the next call of Open make the folder again. Another goroutine may have
// called forget already. Uploads may still use the folder, so it stays open.
func (s *Folders) forget(cacheDirectory string, f *Folder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folders[cacheDirectory].Folder == f {
		releaseLock(f.lock)
		delete(s.folders, cacheDirectory)
	}
}

// Remove removes the folders of this process.
func (s *Folders) Remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweeps.Wait()
	for _, state := range s.folders {
		if state.Folder != nil {
			state.Folder.remove()
		}
	}
	clear(s.folders)
}
