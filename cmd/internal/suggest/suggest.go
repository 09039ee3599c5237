// Package suggest finds the known name that a misspelt one most likely means. It knows
// neither a configuration nor a command.
package suggest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Key names the known key that is most similar to key, or all known keys if none is
// similar.
func Key(key string, known []string) string {
	if near := Nearest(key, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known keys are " + strings.Join(known, ", ")
}

// Nearest returns the known name that the text probably means: one with few edits, else
// one that contains it or is contained in it. It returns "" if none is similar.
func Nearest[T ~string](text string, known []T) T {
	text = strings.ToLower(text)
	distance := func(name T) int { return levenshtein.ComputeDistance(text, strings.ToLower(string(name))) }
	best := slices.MinFunc(known, func(a, b T) int { return cmp.Compare(distance(a), distance(b)) })
	if distance(best) <= len(best)/3 {
		return best
	}
	for _, name := range known {
		if len(text) > 1 && strings.HasPrefix(strings.ToLower(string(name)), text) {
			return name
		}
	}
	for _, name := range known {
		lower := strings.ToLower(string(name))
		if len(text) > 2 && strings.Contains(lower, text) || len(lower) > 4 && strings.Contains(text, lower) {
			return name
		}
	}
	return ""
}

// Enumerate joins names for a sentence: a, b and c.
func Enumerate[T ~string](names []T) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i > 0 && i == len(names)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(name))
	}
	return b.String()
}
