package diskspace

import "golang.org/x/sys/unix"

// blockSizeOf is the size of the blocks that a file system counts, in bytes.
func blockSizeOf(stat *unix.Statfs_t) int64 { return int64(stat.Bsize) }
