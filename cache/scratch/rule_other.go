//go:build !unix

package scratch

import (
	"io/fs"

	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
)

// The rule does not apply without owners and modes (see [directory.HasOwners]).
func (Rule) check(string, fs.FileInfo) error { return nil }

func (Rule) checkParent(_, _ *directory.Dir) error { return nil }
