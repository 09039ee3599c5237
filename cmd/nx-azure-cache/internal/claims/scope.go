package claims

import (
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// EventVariable names a file. A claim must not decide which file is opened, because it may
// be stdin. So the scope of a run with that file is unknown.
const EventVariable = "GITHUB_EVENT_PATH"

// Detect finds out what a run is. A run whose scope the claims would change is untrusted;
// blamed lists those claims.
func (c Set) Detect(ci bool, branches trust.Branches, getenv func(string) string) (run trust.Run, blamed []Claim) {
	isEventHidden := false
	run = trust.Detect(ci, branches, func(name string) string {
		value := getenv(name)
		_, isClaim := c[variableKey(name)]
		isEventHidden = isEventHidden || name == EventVariable && value == "" && isClaim
		return value
	})
	without := func(omitted ...string) (trust.Scope, []string) { return c.scope(ci, branches, getenv, omitted) }
	other, culprits := otherScope(run.Scope, without)
	switch {
	case len(culprits) > 0:
	case isEventHidden && run.Writes():
		// The file may say that this is a fork, or that another branch is the default one.
		other, culprits = trust.Untrusted, []string{EventVariable}
	default:
		return run, nil
	}
	for _, key := range culprits {
		blamed = append(blamed, c[key])
	}
	what := Names(blamed)
	run.Reason += "; but " + what + " would make it " + string(other)
	run.Code = diagnostic.FileIgnored
	run.Fix = fmt.Sprintf("%s would change its scope from %s to %s, and a checkout could set that; remove it from the file, or set it in the environment of the CI job", what, run.Scope, other)
	run.Scope = trust.Untrusted
	return run, blamed
}

// maxMattering is the most claims that may affect a scope. otherScope tries each subset of
// them.
const maxMattering = 6

// otherScope looks for a set of claims that gives a run a scope other than its real one,
// and returns the culprits. There are none if all sets agree. It tries all sets, because
// some systems do not show whether a claim was also set outside, so any of the claims may
// be real.
func otherScope(real trust.Scope, without func(omitted ...string) (trust.Scope, []string)) (other trust.Scope, culprits []string) {
	all, mattering := without()
	if all != real {
		return all, culpritsOf(real, mattering, without)
	}
	// A claim that is found later was in all earlier sets.
	for set := 1; set < 1<<len(mattering); set++ {
		var omitted []string
		for i, key := range mattering {
			if set&(1<<i) != 0 {
				omitted = append(omitted, key)
			}
		}
		scope, read := without(omitted...)
		for _, key := range read {
			if !slices.Contains(mattering, key) {
				mattering = append(mattering, key)
			}
		}
		if len(mattering) > maxMattering {
			return trust.Untrusted, mattering
		}
		if scope != real {
			return scope, mattering
		}
	}
	return real, nil
}

// culpritsOf returns the keys of the claims without which the scope is the real one: a
// single key if that is enough, else all that affect it. mattering lists those that affect
// it at first.
func culpritsOf(real trust.Scope, mattering []string, without func(omitted ...string) (trust.Scope, []string)) (all []string) {
	for _, key := range mattering {
		if scope, _ := without(key); scope == real {
			return []string{key}
		}
	}
	// Without them, other claims may affect the scope. Once none does, the scope is the
	// real one.
	for len(mattering) > 0 {
		all = append(all, mattering...)
		_, mattering = without(all...)
	}
	return all
}

// scope returns the scope of a run with all claims except the omitted ones, as Nx sees it.
// read lists the keys of the claims that were looked up, in that order.
func (c Set) scope(ci bool, branches trust.Branches, getenv func(string) string, omitted []string) (scope trust.Scope, read []string) {
	seen := func(name string) string {
		key, value := variableKey(name), getenv(name)
		claim, isClaim := c[key]
		if value != "" || !isClaim || slices.Contains(omitted, key) || name == EventVariable {
			return value
		}
		if !slices.Contains(read, key) {
			read = append(read, key)
		}
		return claim.Value
	}
	// Versions of Nx know different CIs, so only a difference that the claims make is
	// used.
	if seenCI := trust.IsCI(seen); seenCI != trust.IsCI(getenv) {
		ci = seenCI
	}
	return trust.Detect(ci, branches, seen).Scope, read
}
