package trust

import (
	"errors"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// defaultBranches are trusted where nothing says which are: neither nx.json nor the CI.
var defaultBranches = []string{"main", "master"}

// Branches says which branches of which repositories are trusted.
type Branches struct {
	// patterns are those of azure.trust.branches: "*" stands for any characters of a
	// segment, "**" for any segments. nil where that key is not set.
	patterns []string
	// base is the defaultBase of nx.json, or "". It counts without patterns only.
	base string
	// repositories are those of azure.trust.repositories; nil where that key is not set.
	repositories []string
}

// ListedBranches are those that match one of the patterns of azure.trust.branches.
func ListedBranches(patterns ...string) Branches {
	return Branches{patterns: append([]string{}, patterns...)}
}

// DefaultBranches are those of a workspace that lists none. defaultBase is that
// of nx.json, or "".
func DefaultBranches(defaultBase string) Branches {
	return Branches{base: strings.TrimPrefix(strings.TrimPrefix(defaultBase, "refs/heads/"), "origin/")}
}

// CheckBranch returns an error unless pattern can be one of [Branches].
func CheckBranch(pattern string) error {
	if pattern == "" || !doublestar.ValidatePattern(pattern) {
		return errors.New(`a branch is a name or a pattern, such as main or release/*`)
	}
	return nil
}

// match reports whether a branch is among the trusted ones. defaultBranch returns the
// default branch of the repository, or "" where the CI does not tell. Where nothing is
// listed no other branch is trusted, and nx.json's defaultBase may exclude it, too.
func (b Branches) match(name string, defaultBranch func() string) bool {
	if b.patterns != nil {
		return slices.ContainsFunc(b.patterns, func(pattern string) bool {
			return pattern == name || doublestar.MatchUnvalidated(pattern, name)
		})
	}
	if only := defaultBranch(); only != "" {
		return name == only && (b.base == "" || b.base == only)
	}
	if b.base != "" {
		return name == b.base
	}
	return slices.Contains(defaultBranches, name)
}
