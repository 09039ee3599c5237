package directory

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
)

// Copy copies a directory that this process has made to a name that does not exist or is
// an empty directory. It follows no link. Links get the time of the copy, because
// [os.Root] cannot set their time.
func Copy(from *Dir, name string, to *Dir, newName string) error {
	if err := to.MakeEmpty(newName); err != nil {
		return err
	}
	top, err := to.Root.Open(newName) // which may be a mount point
	if err != nil {
		return err
	}
	defer top.Close() // opened for reading: nothing is lost
	space := diskspace.Of(top, 0)
	var directories []string // Copy sets their times last
	err = fs.WalkDir(from.Root.FS(), name, func(source string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := path.Join(newName, source[len(name):])
		switch {
		case source == name: // made above
		case entry.IsDir():
			err = to.Root.Mkdir(filepath.FromSlash(target), 0o777)
		case entry.Type() == fs.ModeSymlink:
			return copyLink(from.Root, filepath.FromSlash(source), to.Root, filepath.FromSlash(target))
		default:
			return copyFile(from.Root, filepath.FromSlash(source), to.Root, filepath.FromSlash(target), space)
		}
		directories = append(directories, source)
		return err
	})
	for _, source := range directories {
		if err != nil {
			return err
		}
		err = copyTime(from.Root, filepath.FromSlash(source), to.Root, filepath.FromSlash(path.Join(newName, source[len(name):])))
	}
	return err
}

// MakeEmpty makes a directory, or accepts an existing one if it is real and empty, such as
// a mount point.
func (d *Dir) MakeEmpty(name string) error {
	err := d.Root.Mkdir(name, 0o777)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, opened := d.Open(name)
	if opened != nil {
		return opened
	}
	defer there.Close()
	if len(there.Names()) > 0 {
		return err
	}
	return nil
}

func copyLink(from *os.Root, source string, to *os.Root, target string) error {
	link, err := from.Readlink(source)
	if err != nil {
		return err
	}
	return to.Symlink(link, target)
}

func copyFile(from *os.Root, source string, to *os.Root, target string, space *diskspace.Space) error {
	in, err := from.Open(source)
	if err != nil {
		return err
	}
	defer in.Close() // opened for reading: nothing is lost
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := space.Take(info.Size()); err != nil {
		return err
	}
	out, err := to.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return to.Chtimes(target, info.ModTime(), info.ModTime())
}

func copyTime(from *os.Root, source string, to *os.Root, target string) error {
	info, err := from.Lstat(source)
	if err != nil {
		return err
	}
	return to.Chtimes(target, info.ModTime(), info.ModTime())
}
