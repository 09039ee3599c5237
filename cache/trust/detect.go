package trust

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// RefVariable holds the ref of the run where the CI is not known. Elsewhere it must
// agree with what the CI says.
const RefVariable = "NX_AZURE_CACHE_REF"

// Detect finds out who a run is. ci is what Nx says of it; getenv is its environment,
// which may name the file that describes an event of GitHub.
//
// The caller keeps the variables of the checkout's .env files out of getenv. Detect is
// the second line of defence, for variables that a checkout sets in other ways, such as
// a package script. A known CI counts whatever ci says, since CI=false would make a
// pull request a developer. Variables that contradict each other make the run
// Untrusted. Detect cannot notice a variable that the CI leaves out and that
// contradicts nothing, such as those of a CI that is not there.
func Detect(ci bool, branches Branches, getenv func(string) string) Run {
	ref := voiceOf(getenv, RefVariable)
	var runs []Run
	for _, known := range systems {
		if known.here(getenv) {
			b := known.read(getenv)
			b.system = known.name
			b.hear(ref)
			runs = append(runs, b.run(branches))
		}
	}
	switch {
	case len(runs) > 0:
		return agreed(runs)
	case !ci:
		return Run{Scope: Local, Reason: "not in CI"}
	}
	b := refBuild(ref)
	b.system = RefVariable
	run := b.run(branches)
	if run.Scope == Untrusted && b.contradiction == "" {
		run.Reason = "an unknown CI, without a full ref in " + RefVariable
		run.Advice = "this CI is unknown; set " + RefVariable + " to the full ref of the run, such as refs/heads/main or refs/pull/12"
	}
	return run
}

// agreed is what all CIs that seem to be here say of a run, or that nobody knows who
// it is.
func agreed(runs []Run) Run {
	run := runs[0]
	for _, other := range runs[1:] {
		if other.Scope != run.Scope {
			run.Scope, run.Reason = Untrusted, run.Reason+"; but "+other.Reason
			run.Advice = "the environment has the variables of two CIs (" + run.Reason + "); unset those of the wrong one"
			return run
		}
	}
	return run
}

// system is a CI that is known. read hears all its variables.
type system struct {
	name string
	here func(getenv func(string) string) bool
	read func(getenv func(string) string) build
}

var systems = []system{
	{"GitHub Actions", is("GITHUB_ACTIONS", "true"), github},
	{"Azure Pipelines", is("TF_BUILD", "true"), azurePipelines},
	{"GitLab CI", is("GITLAB_CI", "true"), gitlab},
	{"CircleCI", is("CIRCLECI", "true"), circleCI},
	{"Buildkite", is("BUILDKITE", "true"), buildkite},
	{"Bitbucket Pipelines", isSet("BITBUCKET_BUILD_NUMBER"), bitbucket},
	// Developers set the first for Jenkins' command line, too.
	{"Jenkins", isSet("JENKINS_URL", "BUILD_NUMBER"), jenkins},
}

func is(variable, value string) func(func(string) string) bool {
	return func(getenv func(string) string) bool { return strings.EqualFold(getenv(variable), value) }
}

func isSet(variables ...string) func(func(string) string) bool {
	return func(getenv func(string) string) bool {
		return !slices.ContainsFunc(variables, func(variable string) bool { return getenv(variable) == "" })
	}
}

// build is what a CI says of a run.
type build struct {
	system string
	event  string // what has started it, for people
	// foreign, when set, is why the run may be about code that is not its ref's.
	foreign string
	// contradiction, when set, is what variables say that cannot be true together.
	contradiction string
	cure          string // of it

	pull   string // number of the pull request that it is about
	branch string // that it is about, if it is not a pull request's
	tag    string
	// The variables that say so.
	pullVoice, branchVoice, tagVoice voice

	protection protection
	// defaultBranch returns the name of the default branch, the one that cannot be
	// created anew; nil and "" where the CI does not tell.
	defaultBranch func() string
	// isQueue reports that the branch is the CI's own: no user can push to it.
	isQueue bool
	// ships, when set, is why the run of a branch may publish what it builds.
	ships      string
	repository repository
	provenance Provenance
}

// protection is what a CI reports about push access to a branch.
type protection int

const (
	notTold protection = iota
	// isOpen: anyone with write access to the repository may push to the branch, or
	// create one of that name.
	isOpen
	isProtected
)

// protectedIf is the protection of a CI that tells it.
func protectedIf(yes bool) protection {
	if yes {
		return isProtected
	}
	return isOpen
}

// run decides. What is not known to be trusted is not.
func (b build) run(branches Branches) Run {
	run := Run{Scope: Untrusted, Provenance: b.provenance.clean()}
	event := cmp.Or(b.event, "run")
	switch kind, name, _ := b.subject(); {
	case b.contradiction != "":
		run.Reason = "variables contradict each other: " + b.contradiction
		run.Advice = "the CI's variables contradict each other (" + b.contradiction + "); " + b.cure
	case kind == KindPullRequest:
		run.Scope = PullRequest(name)
		run.Reason = cmp.Or(b.event, "pull request") + " " + name
	case b.foreign != "":
		run.Reason = b.foreign
	case kind == KindTag:
		run.Scope, run.Reason = Tag(name), event+" of the tag "+name
	case kind == KindBranch:
		b.decideBranch(&run, branches)
		run.Reason = event + " of " + name + run.Reason
	default:
		run.Reason = event + " without a branch, tag or pull request"
	}
	if run.Scope.isWritten() {
		b.decideRepository(&run, branches)
	}
	run.Reason, run.Advice = printable.String(b.system+": "+run.Reason), printable.String(run.Advice)
	return run
}

// decideRepository makes the run of a repository that is not trusted one that writes
// nothing.
func (b build) decideRepository(run *Run, branches Branches) {
	reason, advice := branches.outside(b.repository)
	if reason == "" {
		return
	}
	name := b.branch
	if b.pull != "" {
		name = "pull/" + b.pull
	}
	run.Scope, run.Reason, run.Advice = ReadOnly(name), run.Reason+", "+reason, advice
}

// decideBranch decides about the run of a branch. Its name is not enough: anyone with
// push access can make a branch that matches a pattern, or one called master beside
// main, and change nx.json on it.
func (b build) decideBranch(run *Run, branches Branches) {
	defaultBranch := func() string { return "" }
	if b.defaultBranch != nil {
		defaultBranch = b.defaultBranch
	}
	isFenced := b.protection == isProtected || b.isQueue || b.branch == defaultBranch()
	switch isListed := branches.match(b.branch, defaultBranch); {
	case isListed && (isFenced || b.protection == notTold):
		run.Scope = Trusted
	case isListed:
		// It is meant to ship, and anyone could have filled the scope of its name.
		run.Scope, run.Reason = ReadOnly(b.branch), ", which is not protected"
		run.Advice = "the trusted branch " + b.branch + " is not protected; protect it"
	case b.isQueue:
		// No branch can have a colon in its name: none that a user pushes shares this.
		run.Scope = Branch("queue:" + b.branch)
	case isFenced:
		run.Scope, run.Reason = ReadOnly(b.branch), ", which is not a trusted branch"
		run.Advice = "the branch " + b.branch + " is protected or the default branch, but not trusted; " +
			"if only reviewed code reaches it, add it to azure.trust.branches in nx.json"
	case b.ships != "":
		run.Scope, run.Reason = ReadOnly(b.branch), ", which may publish: "+b.ships
	default:
		run.Scope = Branch(b.branch)
	}
}

// ref is the full ref of a build whose CI gives the names only.
func (b build) ref() string {
	switch {
	case b.pull != "":
		return "refs/pull/" + b.pull
	case b.tag != "":
		return "refs/tags/" + b.tag
	case b.branch != "":
		return "refs/heads/" + b.branch
	default:
		return ""
	}
}

// withoutUser is the URL of a repository without the token that some CIs put
// there.
func withoutUser(repository string) string {
	u, err := url.Parse(repository)
	if err != nil || u.User == nil || u.Host == "" {
		if strings.Contains(repository, "://") && strings.Contains(repository, "@") {
			return "" // a URL that is none may hold a token, too
		}
		return repository
	}
	u.User = nil
	return u.String()
}
