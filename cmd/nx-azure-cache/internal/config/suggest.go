package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// suggest names the known key that is most similar to key, or all known keys if none is
// similar.
func suggest(key string, known []string) string {
	if near := nearest(key, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "known keys are " + strings.Join(known, ", ")
}

// notOneOf is the error for a value that is not among those allowed.
func notOneOf[T ~string](value string, allowed []T) error {
	e := &ruleError{kind: KindInvalid, seen: Shown(value), allowed: enumerate(allowed)}
	e.text = fmt.Sprintf("is %s; allowed are %s", e.seen, e.allowed)
	if near := nearest(value, allowed); near != "" {
		e.fix = "did you mean " + string(near) + "?"
		e.text += "; " + e.fix
	}
	return e
}

// nearest returns the known name that the text probably means: one with few edits, else
// one that contains it or is contained in it. It returns "" if none is similar.
func nearest[T ~string](text string, known []T) T {
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

// enumerate joins names for a sentence: a, b and c.
func enumerate[T ~string](names []T) string {
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
