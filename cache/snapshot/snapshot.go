// Package snapshot records what the folder of a result looked like when Nx handed it
// over, and computes up to which time of the file system's clock it may have changed. It
// knows change times, inodes and clocks; it must not know what is stored, nor where.
package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// Snapshot is the state of <cacheDirectory>/<hash> when Nx handed the result over. A
// second run of Nx in the same workspace may remove and fill this folder at any later
// time, and only the state at that moment may be stored.
type Snapshot struct {
	Time    time.Time // of this machine's clock
	IsThere bool      // whether the folder existed
	Changed time.Time // change time of the folder, as [archive.ChangeTime] defines it
	Inode   uint64    // of the folder; 0 if unknown
	// MissingOutput is a declared output that was in the workspace, but not in the
	// folder; "" if there is none.
	MissingOutput string
}

// Take takes a snapshot of a result's folder now.
func Take(dir string) Snapshot {
	s := Snapshot{Time: time.Now()}
	if info, err := os.Lstat(dir); err == nil {
		s.IsThere, s.Changed, s.Inode = true, archive.ChangeTime(info), inodeOf(info)
	}
	return s
}

// Check returns an error if the folder is no longer the one of the snapshot. Adding,
// removing or renaming an entry changes the folder's change time. A folder that was
// removed and made again within one tick of the clock may have the same time, but
// usually not the same inode. If the folder is gone, the error wraps [ErrEvicted].
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

// ErrEvicted is wrapped by the error of [Snapshot.Check] for a folder that is gone.
var ErrEvicted = fmt.Errorf("was removed before it was stored (%w)", archive.ErrChanged)
