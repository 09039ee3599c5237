//go:build unix

package cache

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// rename renames a name in one open directory to a name in another. It follows no
// link.
func rename(from *directory, name string, to *directory, newName string) error {
	var renamed error
	err := withHandles(from.handle, to.handle, func(from, to int) {
		for renamed = unix.EINTR; renamed == unix.EINTR; {
			renamed = unix.Renameat(from, name, to, newName)
		}
	})
	if err = errors.Join(err, renamed); err != nil {
		return &os.LinkError{Op: "renameat", Old: from.join(name), New: to.join(newName), Err: err}
	}
	return nil
}

// withHandles calls use with the descriptors of two files, which stay open
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
