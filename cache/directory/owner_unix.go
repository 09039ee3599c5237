//go:build unix

package directory

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// HasOwners reports whether files have owners and modes.
const HasOwners = true

// NoFollow makes opening a link fail.
const NoFollow = unix.O_NOFOLLOW

// OwnerOf is the ID of the user who owns a file.
func OwnerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// GroupOf is the ID of the group that owns a file.
func GroupOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Gid) }
