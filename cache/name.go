package cache

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// hashes are what Nx's hashers make: decimal digits, in older versions with
// letters. Nothing else may become part of a path or of a blob's name.
var hashes = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)

// maxShown is how much of a foreign string a message shows, in bytes.
const maxShown = 160

// CheckHash returns an error unless hash can be a task hash of Nx.
func CheckHash(hash string) error {
	if !hashes.MatchString(hash) {
		return fmt.Errorf("hash is %q; allowed are 1 to 128 letters, digits, _ and -", printable.Short(hash, maxShown))
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

// Root is what the names of all blobs of a cache with this prefix begin with.
func Root(prefix string) string { return path.Join(prefix, "v1") + "/" }

// Name is the name of the blob that holds the result of hash:
// <prefix>/v1/<scope>/<hash>. It is the only function that makes one.
func Name(prefix string, scope trust.Scope, hash string) string {
	return Root(prefix) + string(scope) + "/" + hash
}

// ParseName reads a name that [Name] makes with this prefix. The third result is
// false for any other.
func ParseName(prefix, name string) (scope trust.Scope, hash string, ok bool) {
	rest, ok := strings.CutPrefix(name, Root(prefix))
	if !ok {
		return "", "", false
	}
	text, hash, ok := strings.Cut(rest, "/")
	return trust.Scope(text), hash, ok && text != "" && CheckHash(hash) == nil
}
