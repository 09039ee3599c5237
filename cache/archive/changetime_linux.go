package archive

import (
	"io/fs"
	"syscall"
	"time"
)

// ChangeTime is when an entry was last changed in any way. Unlike its
// modification time nobody can set it.
func ChangeTime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return info.ModTime()
}
