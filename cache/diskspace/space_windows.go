package diskspace

import (
	"errors"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// measure returns the bytes that this user may still write, and the total bytes of the file
// system. It reports false if they are unknown. Windows measures only for directories.
func measure(f *os.File) (free, total int64, ok bool) {
	path, err := windows.UTF16PtrFromString(directoryOf(f))
	if err != nil {
		return 0, 0, false
	}
	var available, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &available, &all, nil); err != nil || all == 0 {
		return 0, 0, false
	}
	return int64(min(available, math.MaxInt64)), int64(min(all, math.MaxInt64)), true
}

// directoryOf is the path of a directory, or of the directory of a file.
func directoryOf(f *os.File) string {
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return f.Name()
	}
	return filepath.Dir(f.Name())
}

// IsFull reports whether an error says that the file system is full or the user's quota is
// used up.
func IsFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}
