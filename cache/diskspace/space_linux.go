package diskspace

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// blockSizeOf is the size of the blocks that a file system counts, in bytes. With FUSE
// it differs from Bsize, the size of the blocks that it likes to transfer: 4 KiB and
// 1 MiB where Docker Desktop shares a folder of macOS.
func blockSizeOf(stat *unix.Statfs_t) int64 { return cmp.Or(int64(stat.Frsize), int64(stat.Bsize)) }
