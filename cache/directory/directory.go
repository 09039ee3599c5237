// Package directory works in directories that it holds open, so that other users of the
// machine cannot redirect it by changing what is at a path. It follows no link below a
// directory. It knows owners, modes, renames and copies; it must not know what a directory
// contains, nor which directories the cache uses.
package directory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Dir is an open directory. Names have one component.
type Dir struct {
	Root *os.Root
	// Handle is the same directory, for renames between directories, which os.Root lacks.
	Handle *os.File
	Info   fs.FileInfo
}

// Open opens the directory at a path, and follows links.
func Open(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return newDirectory(root)
}

// newDirectory takes ownership of root, and closes it on error.
func newDirectory(root *os.Root) (*Dir, error) {
	handle, err := root.Open(".")
	if err != nil {
		_ = root.Close() // a handle of a directory: nothing is lost
		return nil, err
	}
	d := &Dir{Root: root, Handle: handle}
	if d.Info, err = handle.Stat(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) Close() { // only handles of a directory: nothing is lost
	_ = d.Handle.Close()
	_ = d.Root.Close()
}

// Join returns the path of a name, for messages and clients.
func (d *Dir) Join(name string) string { return filepath.Join(d.Root.Name(), name) }

// Open opens the directory called name. It rejects all links, because os.Root follows
// those that stay inside.
func (d *Dir) Open(name string) (*Dir, error) {
	found, err := d.Root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !found.IsDir() {
		return nil, WrongType(d.Join(name), "a directory", found)
	}
	root, err := d.Root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := newDirectory(root)
	if err != nil {
		return nil, err
	}
	if !os.SameFile(found, opened.Info) {
		opened.Close()
		return nil, fileerror.Refuse(diagnostic.FolderOccupied, "%s was replaced while it was being opened (by another user of this machine?): set cacheDirectory in nx.json to a directory of your own", d.Join(name))
	}
	return opened, nil
}

// OpenPrivate opens the directory called name, which must belong to this user, and makes
// sure that no other user has access to it.
func (d *Dir) OpenPrivate(name string) (*Dir, error) {
	opened, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	if err := opened.makePrivate(d.Join(name)); err != nil {
		opened.Close()
		return nil, err
	}
	return opened, nil
}

func (d *Dir) makePrivate(path string) error {
	if err := CheckOwner(path, d.Info); err != nil {
		return err
	}
	if !HasOwners || d.Info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	// A mount without modes reports success; its mount options decide who has access.
	if err := d.Handle.Chmod(0o700); err != nil {
		return fileerror.Refuse(diagnostic.FolderOccupied, "other users have access to %s, and its mode cannot be changed (%w): delete it, or set cacheDirectory in nx.json to a directory of your own", path, err)
	}
	return nil
}

// Names returns the names in the directory, or those that can be read.
func (d *Dir) Names() []string {
	f, err := d.Root.Open(".") // reading d.Handle would move its position
	if err != nil {
		return nil
	}
	defer f.Close() // a handle of a directory: nothing is lost
	names, _ := f.Readdirnames(-1)
	return names
}

// Empty removes the content of the directory. Files that cannot be removed only take
// space.
func (d *Dir) Empty() {
	for _, name := range d.Names() {
		_ = d.RemoveAll(name)
	}
}

// RemoveAll removes name and everything below it, including read-only directories, which
// a task's outputs may contain. It follows no link.
func (d *Dir) RemoveAll(name string) error {
	if err := d.Root.RemoveAll(name); err == nil {
		return nil
	}
	if info, err := d.Root.Lstat(name); err != nil || !info.IsDir() {
		return d.Root.RemoveAll(name)
	}
	// The RemoveAll below reports entries that cannot be read or changed.
	_ = fs.WalkDir(d.Root.FS(), name, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = d.Root.Chmod(filepath.FromSlash(path), 0o700)
		}
		return nil
	})
	return d.Root.RemoveAll(name)
}

// RemoveDirectory removes an empty directory. It removes no files and no links.
func (d *Dir) RemoveDirectory(name string) error {
	info, err := d.Root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return WrongType(d.Join(name), "a directory", info)
	}
	return d.Root.Remove(name)
}

// CheckOwner returns an error unless a file belongs to this user.
func CheckOwner(path string, info fs.FileInfo) error {
	if HasOwners && OwnerOf(info) != os.Geteuid() {
		return Foreign(path, info)
	}
	return nil
}

// Foreign is the refusal for a file that belongs to another user.
func Foreign(path string, info fs.FileInfo) error {
	return fileerror.Refuse(diagnostic.FolderOccupied, "%s belongs to user %d (did another user of this machine create it first?): delete it, or set cacheDirectory in nx.json to a directory of your own", path, OwnerOf(info))
}

// Explain is [ExplainPermission] for an attempt to make an entry in the directory.
func (d *Dir) Explain(err error) error { return ExplainPermission(err, d.Root.Name(), d.Info) }

// ExplainPermission turns an error that denies this user access to a directory into a
// refusal with a fix. It returns other errors unchanged.
func ExplainPermission(err error, path string, info fs.FileInfo) error {
	if !HasOwners || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fileerror.Refuse(diagnostic.FolderOccupied, "this user cannot write to %s, which belongs to user %d and has mode %03o (did Nx run with sudo?): delete it as that user, or set cacheDirectory in nx.json to a directory of your own", path, OwnerOf(info), info.Mode().Perm())
}

// WrongType is the refusal for a file that is not of the wanted type.
func WrongType(path, want string, info fs.FileInfo) error {
	kind := "not " + want
	if info.Mode()&fs.ModeSymlink != 0 {
		kind = "a symbolic link"
	}
	return fileerror.Refuse(diagnostic.FolderOccupied, "%s is %s; the remote cache follows no links and replaces no files there (is it committed to the repository?): delete it", path, kind)
}
