//go:build !unix

package directory

import "io/fs"

// HasOwners is false: Windows has no owners and modes of this kind, and Nx skips its
// checks there as well: a user's folders are the user's own.
const HasOwners = false

// NoFollow is none.
const NoFollow = 0

// OwnerOf is not known here.
func OwnerOf(fs.FileInfo) int { return 0 }
