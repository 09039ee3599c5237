package config

import (
	"regexp"
	"strings"
)

// Task is a task of Nx.
type Task struct {
	Project, Target, Configuration string
}

// TaskFilter decides which tasks are cached remotely: those that match include, if there
// is any, and do not match exclude.
type TaskFilter struct {
	include, exclude []string
}

// patterns matches valid patterns. Only "*" is a wildcard. Other characters of globs would
// match only themselves, and results that should stay local would be uploaded.
var patterns = regexp.MustCompile(`^[^\s!,;=?&~{}\[\]\\]*[^\s!,;=?&~{}\[\]\\:]$`)

func (t TaskFilter) check(wrong *problems) {
	if t.include != nil && len(t.include) == 0 {
		wrong.add(InKey("include"), &ruleError{kind: KindInvalid, seen: "[]", fix: "name targets, or remove it", text: "is empty: nothing would be cached; name targets, or remove it"})
	}
	for key, patternsOf := range map[string][]string{"include": t.include, "exclude": t.exclude} {
		for i, pattern := range patternsOf {
			if !patterns.MatchString(pattern) {
				wrong.add(InKey(key), notAllowed(Shown(pattern), `has %s at %d; allowed are a target, PROJECT:TARGET and PROJECT:TARGET:CONFIGURATION, in which "*" matches any characters`, i+1))
				break
			}
		}
	}
}

// Filter returns a function that reports whether a task is cached; nil if all tasks are.
func (t TaskFilter) Filter() func(Task) bool {
	if len(t.include)+len(t.exclude) == 0 {
		return nil
	}
	include, exclude := compile(t.include), compile(t.exclude)
	return func(one Task) bool {
		return (len(include) == 0 || include.match(one)) && !exclude.match(one)
	}
}

// expressions are compiled patterns.
type expressions map[string]*regexp.Regexp

func compile(patterns []string) expressions {
	all := make(expressions)
	for _, pattern := range patterns {
		all[pattern] = regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + `$`)
	}
	return all
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
