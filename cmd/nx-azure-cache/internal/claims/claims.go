// Package claims knows the variables that .env files of the checkout set: which of them
// count, what a run is with and without them, and the lines about those that are ignored.
// A checkout is not trusted, so a claim extends nothing that a run may do.
package claims

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// Claim is a variable that a .env file of the checkout sets.
type Claim struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"file"` // such as ".env"; "" if code of the workspace set it
	// IsEmpty reports whether the environment sets it to an empty value.
	IsEmpty bool `json:"isEmpty,omitempty"`
}

// Format never shows the value, which may be a secret.
func (c Claim) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%q of %q", c.Name, c.File)
}

// Set is the variables that .env files of the checkout set, by name. They are not in the
// environment of this process.
type Set map[string]Claim

// claimName matches names of variables and files that are safe to print.
var claimName = regexp.MustCompile(`^[\w.-]{1,100}$`)

func New(list []Claim) Set {
	c := make(Set)
	for _, claim := range list {
		if !claimName.MatchString(claim.File) && claim.File != "" {
			claim.File = "a .env file"
		}
		if claimName.MatchString(claim.Name) {
			c[variableKey(claim.Name)] = claim
		}
	}
	return c
}

// variableKey returns the same key for all spellings of the name of a variable.
func variableKey(name string) string {
	if runtime.GOOS == "windows" {
		return strings.ToUpper(name)
	}
	return name
}

// The variables of the configuration that a .env file may set, too. Package config says
// what they mean.
const (
	OwnConnectionVariable = "NX_AZURE_CACHE_CONNECTION_STRING"
	ConnectionVariable    = "AZURE_STORAGE_CONNECTION_STRING"
	ModeVariable          = "NX_POWERPACK_CACHE_MODE"
)

// counted are the variables that may be set in a .env file. All others count as
// unset there: a pull request can add such a file, so it must not decide what a run is,
// where tokens go, or what is executed.
var counted = map[string]func(value string) bool{
	// A connection string has its own host and secret. The cache that this one replaces
	// read it from .env files.
	ConnectionVariable:    func(string) bool { return true },
	OwnConnectionVariable: func(string) bool { return true },
	// Its signature protects it.
	license.Variable: func(string) bool { return true },
	// It may restrict a run, but not extend what it may do.
	ModeVariable: func(value string) bool { return strings.TrimSpace(value) != string(cache.ReadWrite) },
}

// counts reports whether a claim is used. CI withholds a secret by setting an empty value,
// and a file does not replace that.
func (c Set) counts(claim Claim) bool {
	may := counted[variableKey(claim.Name)]
	return may != nil && may(claim.Value) && !claim.IsEmpty
}

// Over returns an environment that includes the claims that count.
func (c Set) Over(getenv func(string) string) func(string) string {
	return func(name string) string {
		value := getenv(name)
		if claim := c[variableKey(name)]; value == "" && c.counts(claim) {
			return claim.Value
		}
		return value
	}
}

// ownPrefix is the prefix of our own variables.
const ownPrefix = "NX_AZURE_CACHE_"

// ignored returns the claims that are meant for this program but do not count. It omits
// blamed ones, and a mode that applies anyway.
func (c Set) ignored(mode cache.Mode, blamed []Claim) (all []Claim) {
	for _, key := range slices.Sorted(maps.Keys(c)) {
		claim := c[key]
		isOurs := strings.HasPrefix(key, ownPrefix) || counted[key] != nil
		isSame := key == ModeVariable && strings.TrimSpace(claim.Value) == string(mode)
		if isOurs && !c.counts(claim) && !isSame && !slices.Contains(blamed, claim) {
			all = append(all, claim)
		}
	}
	return all
}

// Warnings returns one line about ignored claims for each reason.
func (c Set) Warnings(mode cache.Mode, blamed []Claim) (lines []diagnostic.Message) {
	var empty, others []Claim
	for _, claim := range c.ignored(mode, blamed) {
		if claim.IsEmpty {
			empty = append(empty, claim)
		} else {
			others = append(others, claim)
		}
	}
	if len(others) > 0 {
		lines = append(lines, diagnostic.Messagef(diagnostic.FileIgnored, "%s. Set %s in the environment of the CI job instead", Ignored(others), itOrThem(others)))
	}
	if len(empty) > 0 {
		lines = append(lines, diagnostic.Messagef(diagnostic.FileIgnored, "%s %s ignored: the environment sets %s to an empty value, which a .env file cannot fill. Set a value there, or unset %s", Names(empty), isOrAre(empty), itOrThem(empty), itOrThem(empty)))
	}
	return lines
}

// Of returns the claim of a variable.
func (c Set) Of(variable string) (Claim, bool) {
	claim, ok := c[variableKey(variable)]
	return claim, ok
}

// Ignored is such as "HTTPS_PROXY of .env is ignored: a checkout could set it".
func Ignored(list []Claim) string {
	return fmt.Sprintf("%s %s ignored: a checkout could set %s", Names(list), isOrAre(list), itOrThem(list))
}

func isOrAre(list []Claim) string {
	if len(list) == 1 {
		return "is"
	}
	return "are"
}

func itOrThem(list []Claim) string {
	if len(list) == 1 {
		return "it"
	}
	return "them"
}

// Names is such as "CI of .env and BUILD_ID of .env.local".
func Names(list []Claim) string {
	var names []string
	for _, claim := range list {
		name := claim.Name + " of " + claim.File
		if claim.File == "" {
			name = claim.Name + " (set inside Nx)"
		}
		names = append(names, name)
	}
	return strings.Join(names, " and ")
}
