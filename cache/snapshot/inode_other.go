//go:build !unix

package snapshot

import "io/fs"

// inodeOf returns 0: package os does not say it here. Snapshots compare times only.
func inodeOf(fs.FileInfo) uint64 { return 0 }
