//go:build unix

package directory

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// HasOwners reports whether files have owners and modes that count.
const HasOwners = true

// NoFollow makes opening fail at a link.
const NoFollow = unix.O_NOFOLLOW

// OwnerOf is the ID of the user to whom a file belongs.
func OwnerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// GroupOf is the ID of its group.
func GroupOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Gid) }
