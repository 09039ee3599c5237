//go:build !unix

package directory

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Rename renames a name in one open directory to a name in another. Without
// descriptors it takes their paths.
func Rename(from *Dir, name string, to *Dir, newName string) error {
	return os.Rename(from.Join(name), to.Join(newName))
}

// Exchange fails: there is no such step here.
func Exchange(*Dir, string, *Dir, string) error { return errors.ErrUnsupported }

// The codes of Windows for a rename that it refuses.
const (
	notSameDevice    = syscall.Errno(17)
	sharingViolation = syscall.Errno(32)
)

// IsUnmovable reports whether a rename failed for a reason that does not hold for the
// content of a directory: it would lead to another volume.
func IsUnmovable(err error) bool { return errors.Is(err, notSameDevice) }

// IsHeld reports whether another program holds what was to be renamed: Windows moves no
// directory in which a file is open, such as by a virus scanner.
func IsHeld(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, sharingViolation)
}
