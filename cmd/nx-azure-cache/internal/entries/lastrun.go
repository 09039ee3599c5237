package entries

import (
	"os"

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

// of returns the selected tasks.
func (l LastRun) of(selected Selection) LastRun {
	tasks := make(LastRun)
	for hash, name := range l {
		if selected.matchesTask(name) {
			tasks[hash] = name
		}
	}
	return tasks
}
