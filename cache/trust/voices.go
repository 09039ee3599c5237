package trust

import (
	"fmt"
	"regexp"
	"strings"
)

// voice is what one variable says of a run. All voices that name a pull request, a
// branch or a tag must agree: a CI sets them together, so one that differs comes from
// elsewhere, such as the checkout.
type voice struct{ variable, value string }

func voiceOf(getenv func(string) string, variable string) voice {
	return voice{variable, getenv(variable)}
}

func (v voice) isSet() bool { return v.value != "" }

func (v voice) String() string {
	if !v.isSet() {
		return v.variable + " is not set"
	}
	return fmt.Sprintf("%s is %.80q", v.variable, v.value)
}

// numbers are those of pull requests. One number has one spelling, so that two pull
// requests never share a scope, and one never has two.
var numbers = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

// pullIs notes that a voice, if it is one, names a pull request by number.
func (b *build) pullIs(v voice, number string) {
	switch {
	case !v.isSet():
	case !numbers.MatchString(number):
		b.contradict(v.String()+", which is not a pull request number", unsetIt)
	case b.pull == "":
		b.pull, b.pullVoice = number, v
	case b.pull != number:
		b.disagree(b.pullVoice, v)
	}
}

// branchIs notes that a voice names a branch.
func (b *build) branchIs(v voice, name string) { b.branch, b.branchVoice = name, v }

// tagIs notes that a voice names a tag.
func (b *build) tagIs(v voice, name string) { b.tag, b.tagVoice = name, v }

// pullIsNoTag notes a contradiction of a build that has both: no CI has such a run.
func (b *build) pullIsNoTag() {
	if b.pull != "" && b.tag != "" {
		b.disagree(b.pullVoice, b.tagVoice)
	}
}

// What cures contradictions: most of them come from a variable, some from a name.
const (
	unsetIt  = "fix or unset the variable that the CI did not set"
	renameIt = "if the repository has a branch of that name, rename it"
)

// disagree notes that two voices contradict each other.
func (b *build) disagree(one, other voice) {
	b.contradict(one.String()+", but "+other.String(), unsetIt)
}

// contradict notes what is wrong with a voice, and what cures it. The first is enough.
func (b *build) contradict(problem, cure string) {
	if b.contradiction == "" {
		b.contradiction, b.cure = problem, cure
	}
}

// subject is what a run is about, with the voice that says so: both are empty where
// it is not known.
func (b *build) subject() (kind Kind, name string, by voice) {
	switch {
	case b.pull != "":
		return KindPullRequest, b.pull, b.pullVoice
	case b.tag != "": // some CIs have a branch, too
		return KindTag, b.tag, b.tagVoice
	case b.branch != "":
		return KindBranch, b.branch, b.branchVoice
	default:
		return "", "", voice{}
	}
}

// hear compares what the CI says with a ref that was set beside it. That ref can only
// make a run Untrusted.
func (b *build) hear(ref voice) {
	kind, name, by := b.subject()
	if !ref.isSet() || kind == "" {
		return
	}
	said := refBuild(ref)
	if otherKind, other, _ := said.subject(); otherKind != kind || other != name {
		b.disagree(by, ref)
	}
}

// refBuild reads a full ref as git and most CIs write it.
func refBuild(ref voice) build {
	b := build{provenance: Provenance{Ref: ref.value}}
	for _, pull := range []string{"refs/pull/", "refs/merge-requests/", "refs/pull-requests/"} {
		if rest, ok := strings.CutPrefix(ref.value, pull); ok {
			number, _, _ := strings.Cut(rest, "/")
			b.pullIs(ref, number)
			return b
		}
	}
	if branch, ok := strings.CutPrefix(ref.value, "refs/heads/"); ok {
		b.branchIs(ref, branch)
	} else if tag, ok := strings.CutPrefix(ref.value, "refs/tags/"); ok {
		b.tagIs(ref, tag)
	}
	return b
}
