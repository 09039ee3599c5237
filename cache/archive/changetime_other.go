//go:build !linux && !darwin

package archive

import (
	"io/fs"
	"time"
)

// ChangeTime is when an entry was last changed, as far as the platform tells:
// on Windows its last write, which for a directory is the last change of what
// it holds.
func ChangeTime(info fs.FileInfo) time.Time { return info.ModTime() }
