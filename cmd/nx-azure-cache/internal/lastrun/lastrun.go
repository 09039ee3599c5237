// Package lastrun reads what Nx has written about its last run on this machine: run.json in
// its cache directory, with Nx 20 to 24 the same file. It is data of the checkout, or of a
// run of its code, so it proves nothing.
package lastrun

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

const (
	fileName = "run.json"
	// maxSize is the size of the largest file that is read, in bytes. A task takes about 400.
	maxSize = 32 << 20
)

// Task is a task of the run, with a valid hash. Anyone may have written the other strings.
type Task struct {
	ID      string `json:"taskId"` // such as shop:build:production
	Project string `json:"projectName"`
	Target  string `json:"target"`
	Hash    string `json:"hash"`
	Code    int    `json:"status"` // exit code
}

// Read returns the tasks of the last run, each hash once, in the order of the file. It follows
// no link, and returns [os.ErrNotExist] if Nx has not run.
func Read(cacheDirectory *os.Root) ([]Task, error) {
	content, err := directory.ReadFile(cacheDirectory, fileName, maxSize)
	if err != nil {
		return nil, err
	}
	var run struct {
		Tasks []Task `json:"tasks"`
	}
	if err := json.Unmarshal(content, &run); err != nil {
		return nil, fmt.Errorf("%s: %w", fileName, err)
	}
	seen := make(map[string]bool)
	tasks := run.Tasks[:0]
	for _, task := range run.Tasks {
		if taskhash.Check(task.Hash) == nil && !seen[task.Hash] {
			seen[task.Hash] = true
			tasks = append(tasks, task)
		}
	}
	return tasks, nil
}
