package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/suggest"
)

// Problem is what is wrong with a configuration, as `config check --json` prints it.
type Problem struct {
	// Key is the key of nx.json, such as azure.container ("azure" is the block itself), or
	// the name of an environment variable.
	Key   string `json:"key"`
	Level Level  `json:"level"`
	Kind  Kind   `json:"kind"`
	// Seen is the value, quoted, or a description of it where it may be a secret.
	Seen    string `json:"seen"`
	Allowed string `json:"allowed"`
	Fix     string `json:"fix"`
	// Message is the whole sentence, safe to show on a terminal.
	Message    string          `json:"message"`
	Diagnostic diagnostic.Code `json:"diagnostic"`
}

// Level is how bad a problem is.
type Level string

// The levels of problems.
const (
	LevelError   Level = "error"   // there is no cache with it
	LevelWarning Level = "warning" // the cache works, but not as written
)

// Kind is what a problem is about.
type Kind string

// The kinds of problems.
const (
	KindMissing Kind = "missing"     // a key or variable that is needed
	KindInvalid Kind = "invalid"     // a value that is not allowed
	KindUnknown Kind = "unknown-key" // a key that this version does not know
	KindIgnored Kind = "ignored"     // a value that does not count
	KindOther   Kind = "other"
)

// problems collects what is wrong while a configuration is read.
type problems struct {
	// errors are by place; each completes the sentence that begins with its place. Only
	// the first of each place counts.
	errors   map[string]error
	warnings []Problem
}

func newProblems() *problems { return &problems{errors: make(map[string]error)} }

func (p *problems) add(place string, err error) {
	if p.errors[place] == nil && err != nil {
		p.errors[place] = err
	}
}

func (p *problems) has(place string) bool { return p.errors[place] != nil }

func (p *problems) warn(w Problem) {
	w.Level = LevelWarning
	p.warnings = append(p.warnings, w)
}

// messages are those of the warnings.
func (p *problems) messages() (all []diagnostic.Message) {
	for _, w := range p.warnings {
		all = append(all, diagnostic.Message{Code: w.Diagnostic, Text: w.Message})
	}
	return all
}

func (p *problems) join() error {
	var errs []error
	for _, place := range slices.Sorted(maps.Keys(p.errors)) {
		errs = append(errs, diagnostic.With(diagnostic.SettingInvalid, fmt.Errorf("%s %w", place, p.errors[place])))
	}
	return errors.Join(errs...)
}

// list returns the errors as problems, in the order of their places.
func (p *problems) list() (all []Problem) {
	for _, place := range slices.Sorted(maps.Keys(p.errors)) {
		err := p.errors[place]
		found := Problem{Key: keyOf(place), Level: LevelError, Kind: KindOther, Message: place + " " + err.Error()}
		found.Diagnostic, _ = diagnostic.CodeOf(diagnostic.With(diagnostic.SettingInvalid, err))
		if rule, ok := errors.AsType[*ruleError](err); ok {
			found.Kind, found.Seen, found.Allowed, found.Fix = rule.kind, rule.seen, rule.allowed, rule.fix
		}
		if found.Kind == KindMissing && found.Fix == "" {
			found.Fix = "set " + found.Key
		}
		all = append(all, found)
	}
	return all
}

// keyOf is the key or variable that a place names.
func keyOf(place string) string {
	if place == inBlock {
		return AzureKey
	}
	return strings.TrimSuffix(place, inNxJSON)
}

// ruleError is the error of a rule. It keeps apart what its text puts into one sentence.
type ruleError struct {
	kind               Kind
	seen, allowed, fix string
	text               string
	code               diagnostic.Code
}

func (e *ruleError) Error() string               { return e.text }
func (e *ruleError) Diagnostic() diagnostic.Code { return cmp.Or(e.code, diagnostic.SettingInvalid) }

// The constructors take whole sentences, so that what people see stands in the source as
// they see it, and docs/troubleshooting.md can quote it. They cut the parts out.

// missing is the error of a key or variable that is not set: "is missing: FIX".
func missing(text string) error {
	return &ruleError{kind: KindMissing, code: diagnostic.SettingMissing, fix: strings.TrimPrefix(text, "is missing: "), text: text}
}

// notAllowed is the error of a value: "is %s; allowed are ALLOWED", in which %s is how the
// value is shown.
func notAllowed(seen, format string, args ...any) error {
	text := fmt.Sprintf(format, append([]any{seen}, args...)...)
	_, allowed, _ := strings.Cut(text, "; allowed are ")
	return &ruleError{kind: KindInvalid, seen: seen, allowed: allowed, text: text}
}

// wrongType is the error of a value that is not of a type: "must be TYPE".
func wrongType(value any, text string) error {
	return &ruleError{kind: KindInvalid, seen: typeOf(value), allowed: strings.TrimPrefix(text, "must be "), text: text}
}

// notOneOf is the error for a value that is not among those allowed.
func notOneOf[T ~string](value string, allowed []T) error {
	e := &ruleError{kind: KindInvalid, seen: Shown(value), allowed: suggest.Enumerate(allowed)}
	e.text = fmt.Sprintf("is %s; allowed are %s", e.seen, e.allowed)
	if near := suggest.Nearest(value, allowed); near != "" {
		e.fix = "did you mean " + string(near) + "?"
		e.text += "; " + e.fix
	}
	return e
}

// typeOf describes the type of a JSON value, which is not shown: it may be a secret.
func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

// checkValue returns an error for a value that breaks a rule, which the error states.
func checkValue(value string, check func(string) error) error {
	err := check(value)
	if err == nil {
		return nil
	}
	return &ruleError{kind: KindInvalid, seen: Shown(value), allowed: err.Error(), text: "is " + Shown(value) + "; " + err.Error()}
}
