package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Path is a name in the folder of this process at which there is nothing, nor at
// one that adds something to it.
type Path struct {
	*Folder
	Name string
}

// With is the path whose name adds a suffix.
func (p Path) With(suffix string) Path { return Path{p.Folder, p.Name + suffix} }

// Full is the path in full, as the client spells it.
func (p Path) Full() string { return filepath.Join(p.path, p.Name) }

// Create creates a file that was not there.
func (p Path) Create() (*os.File, error) {
	return p.Root.OpenFile(p.Name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// Write creates a file with a text.
func (p Path) Write(text string) error {
	f, err := p.Create()
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, p.Root.Remove(p.Name))
	}
	return nil
}

// Open opens what is there for reading.
func (p Path) Open() (*os.File, error) { return p.Root.Open(p.Name) }

// Remove removes a file.
func (p Path) Remove() error { return p.Root.Remove(p.Name) }

// Discard removes what is at a path. What cannot be removed costs space, not
// correctness.
func (p Path) Discard(ctx context.Context) {
	if err := p.RemoveAll(p.Name); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("not removed")
	}
}

// TakeOver renames the file that the client has written in this process's folder.
func (p Path) TakeOver(path string) error {
	folder, name := filepath.Split(path)
	if filepath.Clean(folder) != filepath.Clean(p.path) {
		return mismatch("the terminal output %s is not in %s", path, p.path)
	}
	// A folder would be moved, too, and removed with all that is in it.
	if info, err := p.Root.Lstat(name); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return mismatch("%s is not a file", path)
	}
	return p.Root.Rename(name, p.Name)
}

// mismatch is an error of a client that does not do what package rpc says.
func mismatch(format string, args ...any) error {
	return fileerror.New(fmt.Errorf(format, args...), "reinstall nx-azure-cache, so that the package and the binary have the same version")
}
