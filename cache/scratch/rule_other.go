//go:build !unix

package scratch

import (
	"io/fs"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// Windows has no owners and modes of this kind, see [directory.HasOwners].
func (Rule) check(string, fs.FileInfo) error { return nil }

func (Rule) checkParent(_, _ *directory.Dir) error { return nil }
