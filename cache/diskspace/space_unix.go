//go:build linux || darwin

package diskspace

import (
	"errors"
	"math"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/eintr"
)

// measure returns the bytes that this user may still write, and the total bytes of the file
// system. It reports false if they are unknown.
func measure(f *os.File) (free, total int64, ok bool) {
	handle, err := f.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var stat unix.Statfs_t
	var failed error
	err = handle.Control(func(fd uintptr) {
		failed = eintr.Retry(func() error { return unix.Fstatfs(int(fd), &stat) })
	})
	if errors.Join(err, failed) != nil || stat.Blocks == 0 {
		return 0, 0, false
	}
	free, total = spaceOf(&stat)
	return free, total, true
}

// spaceOf returns the free and the total bytes. Some file systems of clouds claim more
// bytes than fit into 64 bits.
func spaceOf(stat *unix.Statfs_t) (free, total int64) {
	bytes := func(blocks uint64) int64 {
		high, low := bits.Mul64(blocks, uint64(blockSizeOf(stat)))
		if high > 0 {
			return math.MaxInt64
		}
		return int64(min(low, math.MaxInt64))
	}
	return bytes(uint64(stat.Bavail)), bytes(uint64(stat.Blocks))
}

// IsFull reports whether an error says that the file system is full, the user's quota is
// used up, or the file is too large (`ulimit -f`).
func IsFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}
