//go:build unix

package tree

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// umask is what the system takes from the mode of a new file. What it takes from
// the owner is put back. It can only be read by setting it, which is safe while
// nothing else runs.
var umask = func() fs.FileMode {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return fs.FileMode(mask)
}()
