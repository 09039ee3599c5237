//go:build unix

package archive

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// setLinkTime sets the modification time of the link itself, which os.Root
// cannot.
func setLinkTime(root *os.Root, name string, t time.Time) error {
	parent, err := root.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer parent.Close() // a handle of a directory: nothing is lost

	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return refused("%s has the time %s", name, t)
	}
	err = unix.UtimesNanoAt(int(parent.Fd()), filepath.Base(name), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return &os.PathError{Op: "utimensat", Path: name, Err: err}
	}
	return nil
}
