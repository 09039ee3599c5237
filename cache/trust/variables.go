package trust

import (
	"fmt"
	"regexp"
	"strings"
)

// variable is an environment variable. All variables that name a pull request, a branch or a
// tag must agree: a CI sets them together, so a different one has another source, such as
// the checkout.
type variable struct{ name, value string }

func variableOf(getenv func(string) string, name string) variable {
	return variable{name, getenv(name)}
}

func (v variable) isSet() bool { return v.value != "" }

func (v variable) String() string {
	if !v.isSet() {
		return v.name + " is not set"
	}
	return fmt.Sprintf("%s is %.80q", v.name, v.value)
}

// numbers matches the number of a pull request. Each number has only one spelling, so that a
// pull request has exactly one scope.
var numbers = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// setPull records that a variable, if it is set, names a pull request.
func (b *build) setPull(v variable, number string) {
	switch {
	case !v.isSet():
	case !numbers.MatchString(number):
		b.contradict(v.String()+", which is not a pull request number", unsetVariable)
	case b.pull == "":
		b.pull, b.pullVariable = number, v
	case b.pull != number:
		b.disagree(b.pullVariable, v)
	}
}

// setBranch records that a variable names a branch.
func (b *build) setBranch(v variable, name string) { b.branch, b.branchVariable = name, v }

// setTag records that a variable names a tag.
func (b *build) setTag(v variable, name string) { b.tag, b.tagVariable = name, v }

// rejectPullWithTag records a contradiction if the run has a pull request and a tag, which no CI
// has.
func (b *build) rejectPullWithTag() {
	if b.pull != "" && b.tag != "" {
		b.disagree(b.pullVariable, b.tagVariable)
	}
}

// The fixes of contradictions: most come from a variable, some from a name.
const (
	unsetVariable = "fix or unset the variable that the CI did not set"
	renameBranch  = "if the repository has a branch of that name, rename it"
)

// disagree records that two variables contradict each other.
func (b *build) disagree(one, other variable) {
	b.contradict(one.String()+", but "+other.String(), unsetVariable)
}

// contradict records the first problem, and its fix.
func (b *build) contradict(problem, fix string) {
	if b.contradiction == "" {
		b.contradiction, b.fix = problem, fix
	}
}

// refKind returns the kind and name of the ref, and the variable that says so. Both are empty if
// unknown.
func (b *build) refKind() (kind Kind, name string, by variable) {
	switch {
	case b.pull != "":
		return KindPullRequest, b.pull, b.pullVariable
	case b.tag != "": // some CIs have a branch, too
		return KindTag, b.tag, b.tagVariable
	case b.branch != "":
		return KindBranch, b.branch, b.branchVariable
	default:
		return "", "", variable{}
	}
}

// checkRef compares the ref with a ref that is set in addition. A different ref makes
// the run Untrusted.
func (b *build) checkRef(ref variable) {
	kind, name, by := b.refKind()
	if !ref.isSet() || kind == "" {
		return
	}
	named := refBuild(ref)
	if otherKind, other, _ := named.refKind(); otherKind != kind || other != name {
		b.disagree(by, ref)
	}
}

// refBuild parses a full ref as git and most CIs write it.
func refBuild(ref variable) build {
	b := build{provenance: Provenance{Ref: ref.value}}
	for _, pull := range []string{"refs/pull/", "refs/merge-requests/", "refs/pull-requests/"} {
		if rest, ok := strings.CutPrefix(ref.value, pull); ok {
			number, _, _ := strings.Cut(rest, "/")
			b.setPull(ref, number)
			return b
		}
	}
	if branch, ok := strings.CutPrefix(ref.value, "refs/heads/"); ok {
		b.setBranch(ref, branch)
	} else if tag, ok := strings.CutPrefix(ref.value, "refs/tags/"); ok {
		b.setTag(ref, tag)
	}
	return b
}
