// Package snapshot says what the folder of a result was like when Nx handed it over, and
// up to which time of the file system's clock it may have changed since. It knows change
// times, inodes and clocks; it must not know what is stored, nor where.
package snapshot

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

// Take looks at a result's folder now.
func Take(dir string) Snapshot {
	s := Snapshot{Time: time.Now()}
	if info, err := os.Lstat(dir); err == nil {
		s.IsThere, s.Changed, s.Inode = true, archive.ChangeTime(info), inodeOf(info)
	}
	return s
}

// Check returns an error if the folder is not the one of the snapshot any more. The
// change time of a folder moves with each name in it. A folder that was removed and
// made again in one tick of the clock may have the same time; then its inode usually
// differs. The error wraps [ErrEvicted] where the folder is gone.
func (s Snapshot) Check(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.IsThere:
		return fmt.Errorf("%s %w", dir, ErrEvicted)
	case err != nil:
		return err
	case !s.IsThere, !s.Changed.Equal(archive.ChangeTime(info)), s.Inode != 0 && s.Inode != inodeOf(info):
		return fmt.Errorf("%s %w", dir, archive.ErrChanged)
	}
	return nil
}

// ErrEvicted says that the folder of a result has gone before it was stored.
var ErrEvicted = fmt.Errorf("was removed before it was stored (%w)", archive.ErrChanged)
