//go:build unix

package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/eintr"
)

// folder is an open directory that creates entries by names of one component. Like os.Root,
// it follows no link, and a new entry replaces none. It needs four system calls for a
// file, os.Root ten.
type folder struct{ fd int }

const openFolderFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC

// folderOf duplicates a directory that the caller has opened.
func folderOf(dir *os.File) (*folder, error) {
	handle, err := dir.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failed error
	err = handle.Control(func(from uintptr) {
		fd, failed = eintr.RetryValue(func() (int, error) { return unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) })
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, pathError("dup", dir.Name(), err)
	}
	return &folder{fd}, nil
}

// open opens a directory below this one, component by component.
func (f *folder) open(name string) (*folder, error) {
	at := f
	for component := range strings.SplitSeq(filepath.FromSlash(name), "/") {
		fd, err := eintr.RetryValue(func() (int, error) {
			return unix.Openat(at.fd, component, openFolderFlags|unix.O_NOFOLLOW, 0)
		})
		if at != f {
			at.close()
		}
		if err != nil {
			return nil, pathError("openat", name, err)
		}
		at = &folder{fd}
	}
	return at, nil
}

func (f *folder) close() { _ = unix.Close(f.fd) } // a handle of a directory: nothing is lost

// mkdir creates a directory. The system applies the umask or a default ACL to its mode, and
// lets it inherit setgid.
func (f *folder) mkdir(name string, mode fs.FileMode) error {
	err := eintr.Retry(func() error { return unix.Mkdirat(f.fd, name, uint32(mode)) })
	if err == nil && mode&umask&ownerMode != 0 {
		return f.setMode(name, mode)
	}
	return pathError("mkdirat", name, err)
}

// create creates a file with the content that write writes to it. The umask or a default
// ACL applies, as for a directory.
func (f *folder) create(name string, a Attributes, write func(*file) error) error {
	const flags = unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := eintr.RetryValue(func() (int, error) { return unix.Openat(f.fd, name, flags, uint32(a.Mode)) })
	if err != nil {
		return pathError("openat", name, err)
	}
	err = write(&file{fd, name})
	if err == nil && a.Mode&umask&ownerMode != 0 {
		err = pathError("fchmod", name, setOwnerMode(fd, a.Mode))
	}
	// No retry after EINTR: the file is closed in any case.
	if closed := unix.Close(fd); closed != nil && closed != unix.EINTR {
		err = errors.Join(err, pathError("close", name, closed))
	}
	if err != nil {
		return err
	}
	return f.setTime(name, a.ModTime)
}

// file is a file that is being written.
type file struct {
	fd   int
	name string
}

// Write implements [io.Writer].
func (f *file) Write(p []byte) (written int, err error) {
	for written < len(p) {
		n, err := eintr.RetryValue(func() (int, error) { return unix.Write(f.fd, p[written:]) })
		if err != nil {
			return written, pathError("write", f.name, err)
		}
		written += n
	}
	return written, nil
}

// symlink creates a link.
func (f *folder) symlink(target, name string, modTime time.Time) error {
	if err := eintr.Retry(func() error { return unix.Symlinkat(target, f.fd, name) }); err != nil {
		return &os.LinkError{Op: "symlinkat", Old: target, New: name, Err: err}
	}
	return f.setTime(name, modTime)
}

// setTime sets the modification time of an entry, without following a link.
func (f *folder) setTime(name string, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return &TimeError{name, t}
	}
	return pathError("utimensat", name, eintr.Retry(func() error {
		return unix.UtimesNanoAt(f.fd, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	}))
}

// setMode sets the owner's bits of a directory's mode.
func (f *folder) setMode(name string, mode fs.FileMode) error {
	opened, err := f.open(name)
	if err != nil {
		return err
	}
	defer opened.close()
	return pathError("fchmod", name, setOwnerMode(opened.fd, mode))
}

// setOwnerMode sets the owner's bits of a mode and keeps the rest, including an inherited
// setgid.
func setOwnerMode(fd int, mode fs.FileMode) error {
	var stat unix.Stat_t
	if err := eintr.Retry(func() error { return unix.Fstat(fd, &stat) }); err != nil {
		return err
	}
	all := uint32(stat.Mode)&0o7777&^uint32(ownerMode) | uint32(mode&ownerMode)
	return eintr.Retry(func() error { return unix.Fchmod(fd, all) })
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}
