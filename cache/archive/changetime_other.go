//go:build !linux && !darwin

package archive

import (
	"io/fs"
	"time"
)

// ChangeTime is when a file was last changed, as far as the platform reports it. On Windows
// it is the last write, which for a directory is the last change of its entries.
func ChangeTime(info fs.FileInfo) time.Time { return info.ModTime() }
