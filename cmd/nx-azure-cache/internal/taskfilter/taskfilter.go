// Package taskfilter decides by the names of tasks which results are cached remotely. It
// knows patterns of tasks, and neither nx.json nor the protocol.
package taskfilter

import (
	"regexp"
	"strings"
)

// Task is a task of Nx.
type Task struct {
	Project, Target, Configuration string
}

// Filter selects the tasks that match a pattern in Include, if there is any, and no
// pattern in Exclude.
type Filter struct {
	Include, Exclude []string
}

// patterns matches valid patterns. Only "*" is a wildcard. Other characters of globs would
// match only themselves, and results that should stay local would be uploaded.
var patterns = regexp.MustCompile(`^[^\s!,;=?&~{}\[\]\\]*[^\s!,;=?&~{}\[\]\\:]$`)

// IsPattern reports whether a string is a valid pattern.
func IsPattern(s string) bool { return patterns.MatchString(s) }

// Func returns a function that reports whether a task is selected; nil if all tasks are.
func (f Filter) Func() func(Task) bool {
	if len(f.Include)+len(f.Exclude) == 0 {
		return nil
	}
	include, exclude := compile(f.Include), compile(f.Exclude)
	return func(one Task) bool {
		return (len(include) == 0 || include.match(one)) && !exclude.match(one)
	}
}

// OfName returns a function that reports whether the name of a task, such as
// shop:build:production, matches a pattern. A pattern matches all configurations of the tasks
// that it names.
func OfName(pattern string) func(name string) bool {
	return expression(pattern, "(:.*)?").MatchString
}

// expressions are compiled patterns.
type expressions map[string]*regexp.Regexp

func compile(patterns []string) expressions {
	all := make(expressions)
	for _, pattern := range patterns {
		all[pattern] = expression(pattern, "")
	}
	return all
}

// expression matches what a pattern matches, followed by the expression end.
func expression(pattern, end string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + end + `$`)
}

// match reports whether a task matches a pattern. A pattern without a colon matches
// targets. Names may contain colons, such as the target "build:ci" of a script in
// package.json, so a pattern with a colon may match a target, too.
func (e expressions) match(one Task) bool {
	qualified := one.Project + ":" + one.Target
	for pattern, expression := range e {
		if expression.MatchString(one.Target) {
			return true
		}
		if strings.Contains(pattern, ":") &&
			(expression.MatchString(qualified) || expression.MatchString(qualified+":"+one.Configuration)) {
			return true
		}
	}
	return false
}
