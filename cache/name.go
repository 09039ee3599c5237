package cache

import (
	"path"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// prefixes excludes the segments "." and "..", which URLs resolve.
var prefixes = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]*(/[0-9A-Za-z_-][0-9A-Za-z._-]*)*$`)

// ValidPrefix reports whether prefix is a valid prefix of blob names: "", or at most 512
// bytes of segments that are separated by "/". Segments consist of letters, digits, ".",
// "_" and "-", and do not begin with ".".
func ValidPrefix(prefix string) bool {
	return prefix == "" || len(prefix) <= 512 && prefixes.MatchString(prefix)
}

// Root is the beginning of all blob names with this prefix.
func Root(prefix string) string { return path.Join(prefix, "v1") + "/" }

// Name is the name of the blob that holds the result of hash:
// <prefix>/v1/<scope>/<hash>. No other function makes one.
func Name(prefix string, scope trust.Scope, hash string) string {
	return Root(prefix) + string(scope) + "/" + hash
}

// ParseName parses a name that [Name] has made with this prefix. The third result is
// false for any other name.
func ParseName(prefix, name string) (scope trust.Scope, hash string, ok bool) {
	rest, ok := strings.CutPrefix(name, Root(prefix))
	if !ok {
		return "", "", false
	}
	segment, hash, ok := strings.Cut(rest, "/")
	return trust.Scope(segment), hash, ok && segment != "" && taskhash.Check(hash) == nil
}
