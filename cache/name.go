package cache

import (
	"path"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

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
	return trust.Scope(text), hash, ok && text != "" && taskhash.Check(hash) == nil
}
