//go:build !unix

package snapshot

import "io/fs"

// inodeOf returns 0, because package os does not know inodes here. Snapshots compare only
// times.
func inodeOf(fs.FileInfo) uint64 { return 0 }
