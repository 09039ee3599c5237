package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is a directory that is open. Names are of one component.
type directory struct {
	root *os.Root
	// handle is the same directory: os.Root has no renaming from one directory to
	// another.
	handle *os.File
	info   fs.FileInfo
}

// openDirectory opens the directory at a path, links followed.
func openDirectory(path string) (*directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return newDirectory(root)
}

// newDirectory takes over root, and closes it if there is an error.
func newDirectory(root *os.Root) (*directory, error) {
	handle, err := root.Open(".")
	if err != nil {
		_ = root.Close() // a handle of a directory: nothing is lost
		return nil, err
	}
	d := &directory{root: root, handle: handle}
	if d.info, err = handle.Stat(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *directory) close() { // handles of a directory: nothing is lost
	_ = d.handle.Close()
	_ = d.root.Close()
}

// join is the path of a name, for messages and clients.
func (d *directory) join(name string) string { return filepath.Join(d.root.Name(), name) }

// open opens the directory called name. It refuses a link: os.Root follows those
// that stay inside.
func (d *directory) open(name string) (*directory, error) {
	found, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !found.IsDir() {
		return nil, wrongType(d.join(name), "a directory", found)
	}
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := newDirectory(root)
	if err != nil {
		return nil, err
	}
	if !os.SameFile(found, opened.info) {
		opened.close()
		return nil, refuse("%s was replaced while it was opened (by another user of this machine?): set cacheDirectory in nx.json to a directory of your own", d.join(name))
	}
	return opened, nil
}

// openPrivate opens the directory called name, which must be this user's, and
// which no other user may enter.
func (d *directory) openPrivate(name string) (*directory, error) {
	opened, err := d.open(name)
	if err != nil {
		return nil, err
	}
	if err := opened.makePrivate(d.join(name)); err != nil {
		opened.close()
		return nil, err
	}
	return opened, nil
}

func (d *directory) makePrivate(path string) error {
	if err := checkOwner(path, d.info); err != nil {
		return err
	}
	if !hasOwners || d.info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	// A mount that keeps no modes reports success: its options decide who has access.
	if err := d.handle.Chmod(0o700); err != nil {
		return refuse("other users may enter %s, and its mode cannot be changed (%w): delete it, or set cacheDirectory in nx.json to a directory of your own", path, err)
	}
	return nil
}

// names are the names in the directory, as far as they can be read.
func (d *directory) names() []string {
	f, err := d.root.Open(".") // d.handle remembers how far it was read
	if err != nil {
		return nil
	}
	defer f.Close() // a handle of a directory: nothing is lost
	names, _ := f.Readdirnames(-1)
	return names
}

// empty removes what is in the directory. Files that cannot be removed only cost
// space.
func (d *directory) empty() {
	for _, name := range d.names() {
		_ = d.removeAll(name)
	}
}

// removeAll removes what is called name, and what is below it, also where
// directories are read-only, as those of a task's outputs may be. It follows no
// link.
func (d *directory) removeAll(name string) error {
	if err := d.root.RemoveAll(name); err == nil {
		return nil
	}
	if info, err := d.root.Lstat(name); err != nil || !info.IsDir() {
		return d.root.RemoveAll(name)
	}
	// An entry that cannot be read or changed shows in the RemoveAll below.
	_ = fs.WalkDir(d.root.FS(), name, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = d.root.Chmod(filepath.FromSlash(path), 0o700)
		}
		return nil
	})
	return d.root.RemoveAll(name)
}

// removeDirectory removes an empty directory, and nothing else.
func (d *directory) removeDirectory(name string) error {
	info, err := d.root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return wrongType(d.join(name), "a directory", info)
	}
	return d.root.Remove(name)
}

// checkOwner returns an error unless something is this user's.
func checkOwner(path string, info fs.FileInfo) error {
	if hasOwners && ownerOf(info) != os.Geteuid() {
		return foreign(path, info)
	}
	return nil
}

// refuse is an error that turns the cache off for a cache directory.
func refuse(format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = shorten(text, maxPath)
		}
	}
	return &ConfigError{&FileError{Err: fmt.Errorf(format, args...)}}
}

func isRefusal(err error) bool {
	_, ok := errors.AsType[*ConfigError](err)
	return ok
}

func foreign(path string, info fs.FileInfo) error {
	return refuse("%s belongs to the user %d (did another user of this machine make it first?): delete it, or set cacheDirectory in nx.json to a directory of your own", path, ownerOf(info))
}

// explain is [explainPermission] for something that was to be made in the directory.
func (d *directory) explain(err error) error { return explainPermission(err, d.root.Name(), d.info) }

// explainPermission returns a refusal, with advice, for an error that says that this
// user may not use a directory.
func explainPermission(err error, path string, info fs.FileInfo) error {
	if !hasOwners || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return refuse("this user may not write to %s, which belongs to the user %d and has the mode %03o (did Nx run with sudo?): delete it as that user, or set cacheDirectory in nx.json to a directory of your own", path, ownerOf(info), info.Mode().Perm())
}

func wrongType(path, want string, info fs.FileInfo) error {
	kind := "not " + want
	if info.Mode()&fs.ModeSymlink != 0 {
		kind = "a symbolic link"
	}
	return refuse("%s is %s, and the remote cache follows no link and replaces no file there (does the repository commit it?): delete it", path, kind)
}
