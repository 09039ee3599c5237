//go:build !unix

package cache

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// rename renames a name in one open directory to a name in another. Without
// descriptors it takes their paths.
func rename(from *directory, name string, to *directory, newName string) error {
	return os.Rename(from.join(name), to.join(newName))
}

// exchange fails: there is no such step here.
func exchange(*directory, string, *directory, string) error { return errors.ErrUnsupported }

// The codes of Windows for a rename that it refuses.
const (
	notSameDevice    = syscall.Errno(17)
	sharingViolation = syscall.Errno(32)
)

// isUnmovable reports whether a rename failed for a reason that does not hold for the
// content of a directory: it would lead to another volume.
func isUnmovable(err error) bool { return errors.Is(err, notSameDevice) }

// isHeld reports whether another program holds what was to be renamed: Windows moves no
// directory in which a file is open, such as by a virus scanner.
func isHeld(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, sharingViolation)
}
