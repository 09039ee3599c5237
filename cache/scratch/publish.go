package scratch

import (
	"errors"
	"io/fs"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// Publish writes a file beside the folders of all processes, where it stays when this process
// has ended. Only this user may read it. It replaces an earlier file in one step, follows no
// link, and replaces nothing but a file. name must not be the name of a session.
func (f *Folder) Publish(name string, content []byte) error {
	temporary := Path{f, "publish-" + name}
	_ = temporary.Remove() // of an earlier attempt; if it fails, Write does, too
	if err := temporary.Write(string(content)); err != nil {
		return err
	}
	err := f.publish(temporary, name)
	if err != nil {
		err = errors.Join(err, temporary.Remove())
	}
	return err
}

func (f *Folder) publish(temporary Path, name string) error {
	found, err := f.parent.Root.Lstat(name)
	switch {
	case err == nil && !found.Mode().IsRegular():
		return directory.WrongType(f.parent.Join(name), "a file", found)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return directory.Rename(f.Dir, temporary.Name, f.parent, name)
}
