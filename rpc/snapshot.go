package rpc

import (
	"errors"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
)

// Snapshot is what the client saw of a result's folder at the moment in which Nx handed
// it over.
type Snapshot struct {
	Time    int64  `json:"time"`              // milliseconds since 1970
	Changed string `json:"changed,omitempty"` // nanoseconds since 1970; "": it is not there
	Inode   string `json:"inode,omitempty"`
	Lacking string `json:"lacking,omitempty"` // a declared output that only the workspace has
}

func (s *Snapshot) check() error {
	_, err := s.read()
	return err
}

// read returns what the cache knows it by. Numbers of 64 bits travel as strings.
func (s *Snapshot) read() (seen snapshot.Snapshot, err error) {
	if s == nil {
		return seen, nil
	}
	seen = snapshot.Snapshot{Time: time.UnixMilli(s.Time), MissingOutput: s.Lacking}
	if s.Changed != "" {
		nanoseconds, err := strconv.ParseInt(s.Changed, 10, 64)
		if err != nil {
			return seen, errors.New("snapshot.changed must be a decimal number")
		}
		seen.IsThere, seen.Changed = true, time.Unix(0, nanoseconds)
	}
	if s.Inode != "" {
		if seen.Inode, err = strconv.ParseUint(s.Inode, 10, 64); err != nil {
			return seen, errors.New("snapshot.inode must be a decimal number")
		}
	}
	return seen, nil
}

// seen is the snapshot of the params, or one that is taken now.
func (p *StoreParams) seen() snapshot.Snapshot {
	if p.Snapshot == nil {
		return snapshot.Take(filepath.Join(p.CacheDirectory, p.Hash))
	}
	seen, _ := p.Snapshot.read() // check has looked at it
	return seen
}
