package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// Snapshot is what was seen of <cacheDirectory>/<hash> at the moment in which Nx
// handed a result over. A second run of Nx in the same workspace may remove and fill
// this folder at any later time: what is stored must be what was there at that moment.
type Snapshot struct {
	Time    time.Time // of this machine's clock
	IsThere bool      // the folder
	Changed time.Time // change time of the folder, as [archive.ChangeTime] defines it
	Inode   uint64    // of the folder; 0 where it is not known
	// Lacking is an output that the task declares and that the workspace has, but not
	// the folder; "" is none.
	Lacking string
}

// TakeSnapshot looks at a result's folder now.
func TakeSnapshot(dir string) Snapshot {
	s := Snapshot{Time: time.Now()}
	if info, err := os.Lstat(dir); err == nil {
		s.IsThere, s.Changed, s.Inode = true, archive.ChangeTime(info), inodeOf(info)
	}
	return s
}

// check returns an error if the folder is not the one of the snapshot any more. The
// change time of a folder moves with each name in it. A folder that was removed and
// made again in one tick of the clock may have the same time; then its inode usually
// differs. The error wraps [errEvicted] where the folder is gone.
func (s Snapshot) check(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.IsThere:
		return fmt.Errorf("%s %w", dir, errEvicted)
	case err != nil:
		return err
	case !s.IsThere, !s.Changed.Equal(archive.ChangeTime(info)), s.Inode != 0 && s.Inode != inodeOf(info):
		return fmt.Errorf("%s %w", dir, archive.ErrChanged)
	}
	return nil
}

// errEvicted says that the folder of a result has gone before it was stored.
var errEvicted = fmt.Errorf("was removed before it was stored (%w)", archive.ErrChanged)

// checkWhole finds out, as far as that can be seen, whether the folder holds all that
// the task has made, and is still the one that Nx handed over.
func (r *result) checkWhole(at *folder) (reason string, err error) {
	changed := r.seen.check(r.dir)
	switch {
	case at.isMadeByAnother(r.Hash):
		return "", fmt.Errorf("%w: another run of Nx is making it here, too", ErrLeftOut)
	case r.seen.Lacking != "":
		return fmt.Sprintf("is incomplete: the workspace has its output %s, %s has not (does another run of Nx build it here?)", r.seen.Lacking, r.dir), nil
	case errors.Is(changed, archive.ErrChanged) && !errors.Is(changed, errEvicted):
		return "", fmt.Errorf("%w: %w", ErrLeftOut, changed)
	}
	return "", nil
}

// isEvicted reports whether an error says that Nx has removed the result, to keep its
// cache below maxCacheSize. `nx reset` removes this process's folder, too, and another
// run that makes the result removes it for a moment.
func (r *result) isEvicted(err error) bool {
	if !errors.Is(err, errEvicted) && !errors.Is(err, fs.ErrNotExist) || !r.at.isThere() {
		return false
	}
	_, err = os.Lstat(r.dir)
	return errors.Is(err, fs.ErrNotExist) && !r.at.isMadeByAnother(r.Hash)
}
