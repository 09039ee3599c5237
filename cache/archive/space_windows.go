package archive

import (
	"errors"
	"math"

	"golang.org/x/sys/windows"
)

// free returns the bytes that this user may still write, and all bytes of the file
// system. It reports false where the file system does not say.
func (f *folder) free() (free, total int64, ok bool) {
	path, err := windows.UTF16PtrFromString(f.root.Name())
	if err != nil {
		return 0, 0, false
	}
	var available, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &available, &all, nil); err != nil || all == 0 {
		return 0, 0, false
	}
	return int64(min(available, math.MaxInt64)), int64(min(all, math.MaxInt64)), true
}

// isFull reports whether an error says that the file system, or the user's share
// of it, is full.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
