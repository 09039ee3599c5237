package archive

import (
	"io/fs"
	"syscall"
	"time"
)

// ChangeTime is when a file was last changed in any way. Unlike the modification time,
// programs cannot set it.
func ChangeTime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return info.ModTime()
}
