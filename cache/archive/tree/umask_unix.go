//go:build unix

package tree

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// umask is the umask of the process; this package restores the owner's bits that it
// removes. Reading the umask requires setting it, which is safe during initialization.
var umask = func() fs.FileMode {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return fs.FileMode(mask)
}()
