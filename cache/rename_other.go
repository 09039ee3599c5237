//go:build !unix

package cache

import (
	"errors"
	"os"
)

// rename renames a name in one open directory to a name in another. Without
// descriptors it takes their paths.
func rename(from *directory, name string, to *directory, newName string) error {
	return os.Rename(from.join(name), to.join(newName))
}

// exchange fails: there is no such step here.
func exchange(*directory, string, *directory, string) error { return errors.ErrUnsupported }
