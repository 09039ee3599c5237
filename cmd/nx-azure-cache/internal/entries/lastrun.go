package entries

import (
	"maps"
	"os"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/lastrun"
)

// LastRun are the names of the tasks of Nx's last run on this machine, by their hashes.
type LastRun map[string]string

// ReadLastRun reads the last run from Nx's cache directory. It returns nil if there is none,
// or none that can be read: it is only a help.
func ReadLastRun(cacheDirectory string) LastRun {
	if cacheDirectory == "" {
		return nil
	}
	root, err := os.OpenRoot(cacheDirectory)
	if err != nil {
		return nil
	}
	defer root.Close() // reading only: nothing is lost
	tasks, err := lastrun.Read(root)
	if err != nil {
		return nil
	}
	last := make(LastRun)
	for _, task := range tasks {
		last[task.Hash] = task.ID
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
