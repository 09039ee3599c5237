//go:build !linux && !darwin && !windows

package archive

import (
	"errors"
	"syscall"
)

// free reports false: the free space is not known here.
func (f *folder) free() (free, total int64, ok bool) { return 0, 0, false }

// isFull reports whether an error says that the file system is full.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
