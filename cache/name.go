package cache

import (
	"fmt"
	"path"
	"regexp"
)

// ScopeShared is the scope of a cache that all its writers share.
const ScopeShared = "shared"

// Namespace is the part of a container that a cache reads and writes.
type Namespace struct {
	Prefix string // "" or slash-separated segments, see [ValidPrefix]
	Scope  string // who wrote the entries
}

// hashes are what Nx's hashers make: decimal digits, in older versions with
// letters. Nothing else may become part of a path or of a blob's name.
var hashes = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)

// CheckHash returns an error unless hash can be a task hash of Nx.
func CheckHash(hash string) error {
	if !hashes.MatchString(hash) {
		return fmt.Errorf("hash is %q; allowed are 1 to 128 letters, digits, _ and -", hash)
	}
	return nil
}

// prefixes exclude "." and ".." as segments, which URLs resolve.
var prefixes = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$`)

// ValidPrefix reports whether prefix can stand before the names of blobs: ""
// or segments of letters, digits, ".", "_" and "-" with "/" between them, no
// segment beginning with ".", at most 512 bytes.
func ValidPrefix(prefix string) bool {
	return prefix == "" || len(prefix) <= 512 && prefixes.MatchString(prefix)
}

// name is the name of the blob that holds the result of hash:
// <prefix>/v1/<scope>/<hash>. It is the only function that makes one.
func (n Namespace) name(hash string) string {
	return path.Join(n.Prefix, "v1", n.Scope, hash)
}
