package rpc

import (
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
)

// Snapshot is the state of a result's folder when Nx handed the result over.
type Snapshot struct {
	Time    int64  `json:"time"`              // milliseconds since 1970
	Changed string `json:"changed,omitempty"` // nanoseconds since 1970; "" if there is no folder
	Inode   string `json:"inode,omitempty"`
	Lacking string `json:"lacking,omitempty"` // a declared output that is only in the workspace
}

func (s *Snapshot) check() error {
	_, err := s.read()
	return err
}

// read converts the snapshot. JSON carries its 64-bit numbers as strings.
func (s *Snapshot) read() (taken snapshot.Snapshot, err error) {
	if s == nil {
		return taken, nil
	}
	taken = snapshot.Snapshot{Time: time.UnixMilli(s.Time), MissingOutput: s.Lacking}
	if s.Changed != "" {
		nanoseconds, err := strconv.ParseInt(s.Changed, 10, 64)
		if err != nil {
			return taken, errors.New("snapshot.changed must be a decimal number")
		}
		taken.IsThere, taken.Changed = true, time.Unix(0, nanoseconds)
	}
	if s.Inode != "" {
		if taken.Inode, err = strconv.ParseUint(s.Inode, 10, 64); err != nil {
			return taken, errors.New("snapshot.inode must be a decimal number")
		}
	}
	return taken, nil
}

// snapshot returns the snapshot of the params, or takes one now.
func (p *StoreParams) snapshot() snapshot.Snapshot {
	if p.Snapshot == nil {
		return snapshot.Take(filepath.Join(p.CacheDirectory, p.Hash))
	}
	taken, _ := p.Snapshot.read() // check has checked it
	return taken
}
