package jobsummary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
)

// appending is what to append to a file.
type appending struct {
	text      []byte
	separator string // before the text, unless the file is empty
	mayMake   bool   // whether to make a missing file
	max       int64  // bytes of the whole file; 0: no limit
}

// appendFile appends to a regular file, in one write, so that runs at the same time do not
// mix their output. It follows no link that a checkout may contain.
func appendFile(workspace, path string, a appending) error {
	folder, err := openFolder(workspace, filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	file, err := openAppending(folder, filepath.Base(path), a.mayMake)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	text := a.text
	if err == nil && info.Size() > 0 {
		text = append([]byte(a.separator), text...)
	}
	switch {
	case err != nil:
	case a.max > 0 && info.Size()+int64(len(text)) > a.max:
		err = fmt.Errorf("it has %s already, and a larger file than %s would not be shown", printable.Size(info.Size()), printable.Size(a.max))
	default:
		_, err = file.Write(text)
	}
	return errors.Join(err, file.Close())
}

// openAppending opens a regular file called name, and no link.
func openAppending(folder *directory.Dir, name string, mayMake bool) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND
	if mayMake {
		// O_EXCL follows no link.
		file, err := folder.Root.OpenFile(name, flags|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
	return openExisting(folder, name, flags)
}

// openExisting opens an existing regular file, and no link. An error has its path.
func openExisting(folder *directory.Dir, name string, flags int) (*os.File, error) {
	file, err := directory.OpenFile(folder.Root, name, flags)
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = &fs.PathError{Op: pathError.Op, Path: folder.Join(name), Err: pathError.Err}
	}
	return file, err
}

// createFile makes a file that must not exist.
func createFile(folder, name string, text []byte) error {
	dir, err := directory.Open(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	// The agent may be another user than that of a container.
	file, err := dir.Root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// openFolder opens a folder. It follows links outside the checkout, because the environment
// chooses the path, and none in it, because a checkout may contain them.
func openFolder(workspace, path string) (*directory.Dir, error) {
	checkout := workspace
	if resolved, err := filepath.EvalSymlinks(workspace); err == nil {
		checkout = gitfiles.CheckoutOf(resolved) // the workspace of Nx may be a subfolder of it
	}
	within, isInside := inside(checkout, path)
	if !isInside {
		return directory.Open(path)
	}
	folder, err := directory.Open(checkout)
	if err != nil {
		return nil, err
	}
	return descend(folder, within, func(parent *directory.Dir, name string) (*directory.Dir, error) {
		return parent.Open(name)
	})
}

// descend opens one folder after the other. It closes all but the last one.
func descend(folder *directory.Dir, names []string, open func(*directory.Dir, string) (*directory.Dir, error)) (*directory.Dir, error) {
	for _, name := range names {
		next, err := open(folder, name)
		folder.Close()
		if err != nil {
			return nil, err
		}
		folder = next
	}
	return folder, nil
}

// inside returns the names on the way from a folder to a path, if the path leads through
// the folder.
func inside(folder, path string) (names []string, ok bool) {
	root, err := os.Stat(folder)
	if err != nil {
		return nil, false
	}
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, root) {
			return names, true
		}
		if at == filepath.Dir(at) {
			return nil, false
		}
		names = append([]string{filepath.Base(at)}, names...)
	}
}

// makeFolder makes a folder unless it exists, and opens it.
func makeFolder(parent *directory.Dir, name string) (*directory.Dir, error) {
	if err := parent.Root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return parent.Open(name)
}

// makeFolders makes the folders of a slash-separated path in the workspace.
func makeFolders(workspace, path string) (*directory.Dir, error) {
	folder, err := directory.Open(workspace)
	if err != nil {
		return nil, err
	}
	return descend(folder, strings.Split(path, "/"), makeFolder)
}
