package trust

import (
	"errors"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// defaultBranches are trusted where neither trust.branches nor defaultBase of
// nx.json says which are.
var defaultBranches = []string{"main", "master"}

// Branches are names of trusted branches, or patterns for them: "*" stands for any
// characters of a segment, "**" for any segments.
type Branches []string

// DefaultBranches are those of a workspace that names none. defaultBase is that
// of nx.json, or "".
func DefaultBranches(defaultBase string) Branches {
	base := strings.TrimPrefix(strings.TrimPrefix(defaultBase, "refs/heads/"), "origin/")
	if base == "" {
		return defaultBranches
	}
	return Branches{base}
}

// CheckBranch returns an error unless pattern can be one of [Branches].
func CheckBranch(pattern string) error {
	if pattern == "" || !doublestar.ValidatePattern(pattern) {
		return errors.New(`a branch is a name or a pattern, such as main or release/*`)
	}
	return nil
}

func (b Branches) match(name string) bool {
	for _, pattern := range b {
		if pattern == name || doublestar.MatchUnvalidated(pattern, name) {
			return true
		}
	}
	return false
}
