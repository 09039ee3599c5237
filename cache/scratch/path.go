package scratch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Path is an unused name in the folder of this process. No other path begins with the
// same name, so a caller may add suffixes.
type Path struct {
	*Folder
	Name string
}

// With adds a suffix to the name.
func (p Path) With(suffix string) Path { return Path{p.Folder, p.Name + suffix} }

// Full is the full path, as the client passed it.
func (p Path) Full() string { return filepath.Join(p.path, p.Name) }

// Create creates a new file.
func (p Path) Create() (*os.File, error) {
	return p.Root.OpenFile(p.Name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// Write creates a file with this content.
func (p Path) Write(content string) error {
	f, err := p.Create()
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, p.Root.Remove(p.Name))
	}
	return nil
}

// Open opens the file for reading.
func (p Path) Open() (*os.File, error) { return p.Root.Open(p.Name) }

// Remove removes the file.
func (p Path) Remove() error { return p.Root.Remove(p.Name) }

// Discard removes the file or directory. Failures only take space, so it logs them.
func (p Path) Discard(ctx context.Context) {
	if err := p.RemoveAll(p.Name); err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("not removed")
	}
}

// TakeOver renames a file that the client has written to this process's folder.
func (p Path) TakeOver(path string) error {
	folder, name := filepath.Split(path)
	if filepath.Clean(folder) != filepath.Clean(p.path) {
		return mismatch("the terminal output %s is not in %s", path, p.path)
	}
	// Rename also moves folders, which Discard would remove with their content.
	if info, err := p.Root.Lstat(name); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return mismatch("%s is not a file", path)
	}
	return p.Root.Rename(name, p.Name)
}

// mismatch is the error of a client that violates the protocol of package rpc.
func mismatch(format string, args ...any) error {
	return fileerror.New(fmt.Errorf(format, args...), diagnostic.Messagef(diagnostic.VersionsDiffer, "reinstall nx-azure-cache, so that the package and the binary have the same version"))
}
