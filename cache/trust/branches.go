package trust

import (
	"errors"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// defaultBranches are trusted if neither nx.json nor the CI names trusted branches.
var defaultBranches = []string{"main", "master"}

// Branches are the trusted branches, and the repositories in which they are trusted.
type Branches struct {
	// patterns are those of azure.trust.branches: "*" matches any characters of a segment,
	// "**" any segments. nil if the key is unset.
	patterns []string
	// base is the defaultBase of nx.json, or "". It is used only without patterns.
	base string
	// repositories are those of azure.trust.repositories; nil if the key is unset.
	repositories []string
}

// ListedBranches are the branches that match a pattern of azure.trust.branches.
func ListedBranches(patterns ...string) Branches {
	return Branches{patterns: append([]string{}, patterns...)}
}

// DefaultBranches are the trusted branches of a workspace that lists none. defaultBase is
// the one of nx.json, or "".
func DefaultBranches(defaultBase string) Branches {
	return Branches{base: strings.TrimPrefix(strings.TrimPrefix(defaultBase, "refs/heads/"), "origin/")}
}

// CheckBranch returns an error unless pattern is valid in azure.trust.branches.
func CheckBranch(pattern string) error {
	if pattern == "" || !doublestar.ValidatePattern(pattern) {
		return errors.New(`a branch is a name or a pattern, such as main or release/*`)
	}
	return nil
}

// match reports whether a branch is trusted. defaultBranch returns the default branch of
// the repository, or "" if the CI does not report it. If no branches are listed, only that
// one is trusted, and only if it agrees with the defaultBase of nx.json.
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
