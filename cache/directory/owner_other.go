//go:build !unix

package directory

import "io/fs"

// HasOwners is false: Windows has no owners and modes of this kind. Nx also skips its
// checks there, because a user's folders are private by default.
const HasOwners = false

// NoFollow is 0: there is no such flag.
const NoFollow = 0

// OwnerOf is always 0.
func OwnerOf(fs.FileInfo) int { return 0 }
