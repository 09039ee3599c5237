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

// checkWhole finds out, as far as that can be seen, whether the folder holds all that
// the task has made, and is still the one that Nx handed over.
func (r *acceptedResult) checkWhole(at *scratch.Folder) (reason string, err error) {
	changed := r.seen.Check(r.dir)
	switch {
	case at.IsMadeByAnother(r.Hash):
		return "", fmt.Errorf("%w: another run of Nx is making it here, too", ErrLeftOut)
	case r.seen.Lacking != "":
		return fmt.Sprintf("is incomplete: the workspace has its output %s, %s has not (does another run of Nx build it here?)", r.seen.Lacking, r.dir), nil
	case errors.Is(changed, archive.ErrChanged) && !errors.Is(changed, snapshot.ErrEvicted):
		return "", fmt.Errorf("%w: %w", ErrLeftOut, changed)
	}
	return "", nil
}

// isEvicted reports whether an error says that Nx has removed the result, to keep its
// cache below maxCacheSize. `nx reset` removes this process's folder, too, and another
// run that makes the result removes it for a moment.
func (r *acceptedResult) isEvicted(err error) bool {
	if !errors.Is(err, snapshot.ErrEvicted) && !errors.Is(err, fs.ErrNotExist) || !r.at.IsThere() {
		return false
	}
	_, err = os.Lstat(r.dir)
	return errors.Is(err, fs.ErrNotExist) && !r.at.IsMadeByAnother(r.Hash)
}
