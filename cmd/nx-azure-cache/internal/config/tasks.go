package config

import (
	"regexp"
	"strings"
)

// Task is a task of Nx.
type Task struct {
	Project, Target, Configuration string
}

// TaskFilter say which tasks are cached remotely: those that match one of include
// (where there is any), and none of exclude.
type TaskFilter struct {
	include, exclude []string
}

// patterns are what stands for tasks. Only "*" stands for others: what a glob has
// besides would be taken for a letter, and let out what should stay.
var patterns = regexp.MustCompile(`^[^\s!,;=?&~{}\[\]\\]*[^\s!,;=?&~{}\[\]\\:]$`)

func (t TaskFilter) check(wrong *problems) {
	if t.include != nil && len(t.include) == 0 {
		wrong.add(InKey("include"), &ruleError{kind: KindInvalid, seen: "[]", fix: "name targets, or remove it", text: "is empty: nothing would be cached; name targets, or remove it"})
	}
	for key, texts := range map[string][]string{"include": t.include, "exclude": t.exclude} {
		for i, text := range texts {
			if !patterns.MatchString(text) {
				wrong.add(InKey(key), notAllowed(Shown(text), `has %s at %d; allowed are a target, PROJECT:TARGET and PROJECT:TARGET:CONFIGURATION, in which "*" matches any characters`, i+1))
				break
			}
		}
	}
}

// Filter returns what decides about a task; nil where all are cached.
func (t TaskFilter) Filter() func(Task) bool {
	if len(t.include)+len(t.exclude) == 0 {
		return nil
	}
	include, exclude := compile(t.include), compile(t.exclude)
	return func(one Task) bool {
		return (len(include) == 0 || include.match(one)) && !exclude.match(one)
	}
}

// expressions are those of patterns.
type expressions map[string]*regexp.Regexp

func compile(patterns []string) expressions {
	all := make(expressions)
	for _, pattern := range patterns {
		all[pattern] = regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + `$`)
	}
	return all
}

// match compares a task with patterns. One without a colon is that of a target.
// Names may have colons themselves, such as the target "build:ci" of a script in
// package.json; hence one with a colon may be a target, too.
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
