package directory

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile returns the content of a file below root. The file must be a regular one of at
// most max bytes. See [OpenFile].
func ReadFile(root *os.Root, name string, max int64) ([]byte, error) {
	f, err := OpenFile(root, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing is lost
	content, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(content)) > max {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it has more than %d bytes", max)}
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}

// OpenFile opens an existing regular file below root. It opens no link, which os.Root
// follows inside root, and no FIFO, which would block.
func OpenFile(root *os.Root, name string, flags int) (*os.File, error) {
	found, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !found.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	f, err := root.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(found, opened) {
		_ = f.Close() // nothing was read or written
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	return f, nil
}

var errNotRegular = errors.New("it is not a regular file")
