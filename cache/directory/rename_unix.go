//go:build unix

package directory

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/eintr"
)

// Rename renames a name in one open directory to a name in another. It follows no link.
func Rename(from *Dir, name string, to *Dir, newName string) error {
	return renameWith(unix.Renameat, "renameat", from, name, to, newName)
}

// Exchange swaps two existing names in one step. It follows no link. It fails if the
// system or the file system does not support this.
func Exchange(from *Dir, name string, to *Dir, newName string) error {
	return renameWith(exchangeAt, "exchange", from, name, to, newName)
}

func renameWith(call func(from int, name string, to int, newName string) error, op string, from *Dir, name string, to *Dir, newName string) error {
	var renamed error
	err := withHandles(from.Handle, to.Handle, func(from, to int) {
		renamed = eintr.Retry(func() error { return call(from, name, to, newName) })
	})
	if err = errors.Join(err, renamed); err != nil {
		return &os.LinkError{Op: op, Old: from.Join(name), New: to.Join(newName), Err: err}
	}
	return nil
}

// IsUnmovable reports whether a rename failed for a reason that does not apply to the
// content of the directory: the directory is in a lower layer of overlayfs or on another
// file system (EXDEV), it is a mount point (EBUSY), or the file system does not support
// this rename.
func IsUnmovable(err error) bool {
	for _, reason := range []error{unix.EXDEV, unix.EBUSY, unix.EINVAL, unix.ENOSYS, unix.ENOTSUP} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// IsHeld reports whether a rename failed because another program has the file open, which
// happens only on Windows.
func IsHeld(error) bool { return false }

// withHandles calls use with the descriptors of two files, and keeps the files open
// meanwhile.
func withHandles(a, b *os.File, use func(a, b int)) error {
	first, err := a.SyscallConn()
	if err != nil {
		return err
	}
	second, err := b.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = first.Control(func(a uintptr) {
		inner = second.Control(func(b uintptr) { use(int(a), int(b)) })
	})
	return errors.Join(err, inner)
}
