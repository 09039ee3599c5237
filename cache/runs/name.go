package runs

import (
	"regexp"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

const (
	folder     = "runs/"
	dayLayout  = "2006-01-02/"
	timeLayout = dayLayout + "150405"
)

// LocalName is the name of the file with the record of the last run, in the folder of this
// cache in Nx's cache directory. Its content is the body of a blob.
const LocalName = "last-run"

var (
	sessions = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	scopes   = regexp.MustCompile(`^[0-9A-Za-z._-]{1,128}$`)
)

// IsSession reports whether a string is a session as in [Name].
func IsSession(s string) bool { return sessions.MatchString(s) }

// ScopePrefix is the beginning of the names of all records of a scope.
func ScopePrefix(prefix string, scope trust.Scope) string {
	return cache.Root(prefix) + string(scope) + "/" + folder
}

// DayPrefix is the beginning of the names of all records of a scope that end on a day in
// UTC. It ends with "/".
func DayPrefix(prefix string, scope trust.Scope, day time.Time) string {
	return ScopePrefix(prefix, scope) + day.UTC().Format(dayLayout)
}

// Name is the name of the blob with the record of a run. Names of one scope sort by time.
func Name(prefix string, scope trust.Scope, ended time.Time, session string) string {
	return ScopePrefix(prefix, scope) + ended.UTC().Format(timeLayout) + "-" + session
}

// ParseName parses a name that [Name] has made with this prefix; ended is in seconds. ok is
// false for any other name.
func ParseName(prefix, name string) (scope trust.Scope, ended time.Time, session string, ok bool) {
	rest, ok := strings.CutPrefix(name, cache.Root(prefix))
	segment, rest, hasScope := strings.Cut(rest, "/")
	rest, isRecord := strings.CutPrefix(rest, folder)
	if !ok || !hasScope || !isRecord || !scopes.MatchString(segment) || len(rest) <= len(timeLayout) {
		return "", time.Time{}, "", false
	}
	at, session := rest[:len(timeLayout)], rest[len(timeLayout)+1:]
	ended, err := time.Parse(timeLayout, at)
	scope = trust.Scope(segment)
	if err != nil || !sessions.MatchString(session) || Name(prefix, scope, ended, session) != name {
		return "", time.Time{}, "", false
	}
	return scope, ended, session, true
}

// ParseDay parses a prefix that [DayPrefix] has made for this scope.
func ParseDay(prefix string, scope trust.Scope, name string) (day time.Time, ok bool) {
	rest, ok := strings.CutPrefix(name, ScopePrefix(prefix, scope))
	day, err := time.Parse(dayLayout, rest)
	return day, ok && err == nil && DayPrefix(prefix, scope, day) == name
}
