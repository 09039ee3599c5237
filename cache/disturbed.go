package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
)

// checkComplete checks, as far as the folder shows, that it holds all outputs of the task
// and is still the one that Nx handed over.
func (r *acceptedResult) checkComplete(folder *scratch.Folder) (reason string, err error) {
	changed := r.snapshot.Check(r.dir)
	switch {
	case folder.IsMadeByAnother(r.Hash):
		return "", fmt.Errorf("%w: another run of Nx is making it in this workspace, too", ErrSkipped)
	case r.snapshot.MissingOutput != "":
		return fmt.Sprintf("is incomplete: its output %s is in the workspace, but not in %s (is another run of Nx building it?)", r.snapshot.MissingOutput, r.dir), nil
	case errors.Is(changed, archive.ErrChanged) && !errors.Is(changed, snapshot.ErrEvicted):
		return "", fmt.Errorf("%w: %w", ErrSkipped, changed)
	}
	return "", nil
}

// isEvicted reports whether err means that Nx has removed the result to keep its local
// cache below maxCacheSize. It excludes `nx reset`, which also removes this process's
// folder, and another run that is making the same result.
func (r *acceptedResult) isEvicted(err error) bool {
	if !errors.Is(err, snapshot.ErrEvicted) && !errors.Is(err, fs.ErrNotExist) || !r.folder.IsThere() {
		return false
	}
	_, err = os.Lstat(r.dir)
	return errors.Is(err, fs.ErrNotExist) && !r.folder.IsMadeByAnother(r.Hash)
}
