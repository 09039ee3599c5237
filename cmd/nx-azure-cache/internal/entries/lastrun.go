package entries

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// LastRun are the task hashes that Nx computed in its last run on this machine: the names of
// tasks by their hashes. It is data of the checkout or of a run of its code, so it proves
// nothing.
type LastRun map[string]string

// runFile is the file in Nx's cache directory in which every run of Nx 20 to 24 writes its
// tasks.
const runFile = "run.json"

// maxRunFile is the size of the largest file that is read, in bytes. A task takes about 400.
const maxRunFile = 64 << 20

// ReadLastRun reads the last run from Nx's cache directory. It returns nil if there is none,
// or none that can be read: it is only a help. It follows no link.
func ReadLastRun(cacheDirectory string) LastRun {
	if cacheDirectory == "" {
		return nil
	}
	root, err := os.OpenRoot(cacheDirectory)
	if err != nil {
		return nil
	}
	defer root.Close() // reading only: nothing is lost
	info, err := root.Lstat(runFile)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxRunFile {
		return nil
	}
	f, err := root.Open(runFile)
	if err != nil {
		return nil
	}
	defer f.Close()
	var run struct {
		Tasks []struct{ TaskID, Hash string }
	}
	if json.NewDecoder(io.LimitReader(f, maxRunFile)).Decode(&run) != nil {
		return nil
	}
	last := make(LastRun)
	for _, task := range run.Tasks {
		if taskhash.Check(task.Hash) == nil {
			last[task.Hash] = task.TaskID
		}
	}
	return last
}

// of returns the hashes of the selected tasks, sorted.
func (l LastRun) of(selected Selection) (hashes []string) {
	for hash, name := range maps.All(l) {
		if selected.matchesTask(name) {
			hashes = append(hashes, hash)
		}
	}
	slices.Sort(hashes)
	return hashes
}
