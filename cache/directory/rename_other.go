//go:build !unix

package directory

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Rename renames a name in one open directory to a name in another. Without descriptors,
// it uses their paths.
func Rename(from *Dir, name string, to *Dir, newName string) error {
	return os.Rename(from.Join(name), to.Join(newName))
}

// Exchange fails: this system does not support it.
func Exchange(*Dir, string, *Dir, string) error { return errors.ErrUnsupported }

// Error codes of Windows for a rejected rename.
const (
	notSameDevice    = syscall.Errno(17)
	sharingViolation = syscall.Errno(32)
)

// IsUnmovable reports whether a rename failed for a reason that does not apply to the
// content of the directory: the target is on another volume.
func IsUnmovable(err error) bool { return errors.Is(err, notSameDevice) }

// IsHeld reports whether another program holds the directory: Windows moves no directory
// that contains an open file, for example one that a virus scanner is reading.
func IsHeld(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, sharingViolation)
}
