//go:build linux || darwin

package archive

import (
	"errors"

	"golang.org/x/sys/unix"
)

// free returns the bytes that this user may still write, and all bytes of the file
// system. It reports false where the file system does not say.
func (f *folder) free() (free, total int64, ok bool) {
	var stat unix.Statfs_t
	if err := uninterrupted(func() error { return unix.Fstatfs(f.fd, &stat) }); err != nil || stat.Blocks == 0 {
		return 0, 0, false
	}
	return int64(stat.Bavail) * int64(stat.Bsize), int64(stat.Blocks) * int64(stat.Bsize), true
}

// isFull reports whether an error says that the file system, or the user's share
// of it, is full.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
