package trust

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// RefVariable holds the ref of a run in an unknown CI. In a known CI, it must agree with the
// CI's variables.
const RefVariable = "NX_AZURE_CACHE_REF"

// Detect derives the scope of a run. ci is the result of Nx's isCI. getenv is the
// environment of the run, which may name the file of a GitHub event.
//
// The caller excludes the variables of the checkout's .env files from getenv. Detect is the
// second line of defense, for variables that a checkout sets in other ways, such as in a
// package script. It ignores ci in a known CI, because CI=false would turn a pull request
// into a developer. If variables contradict each other, the run is Untrusted. Detect cannot
// detect a forged variable that the CI does not set and that contradicts no other variable,
// such as the variables of another CI.
func Detect(ci bool, branches Branches, getenv func(string) string) Run {
	ref := variableOf(getenv, RefVariable)
	var runs []Run
	for _, known := range systems {
		if known.isHere(getenv) {
			b := known.read(getenv)
			b.system = known.name
			b.checkRef(ref)
			runs = append(runs, b.run(branches))
		}
	}
	switch {
	case len(runs) > 0:
		return combine(runs)
	case !ci:
		return Run{Scope: Local, Reason: "not in CI"}
	}
	b := refBuild(ref)
	b.system = RefVariable
	run := b.run(branches)
	if run.Scope == Untrusted && b.contradiction == "" {
		run.Reason = "an unknown CI, without a full ref in " + RefVariable
		run.Code, run.Fix = diagnostic.CIUnknown, "this CI is unknown; set "+RefVariable+" to the full ref of the run, such as refs/heads/main or refs/pull/12"
	}
	return run
}

// combine returns the run if all detected CIs agree on its scope, otherwise an untrusted
// run.
func combine(runs []Run) Run {
	run := runs[0]
	for _, other := range runs[1:] {
		if other.Scope != run.Scope {
			run.Scope, run.Reason = Untrusted, run.Reason+"; but "+other.Reason
			run.Code, run.Fix = diagnostic.CIContradicts, "the environment has the variables of two CIs ("+run.Reason+"); unset those of the wrong one"
			return run
		}
	}
	return run
}

// system is a known CI. read reads all its variables.
type system struct {
	name   string
	isHere func(getenv func(string) string) bool
	read   func(getenv func(string) string) build
}

var systems = []system{
	{"GitHub Actions", is("GITHUB_ACTIONS", "true"), github},
	{"Azure Pipelines", is("TF_BUILD", "true"), azurePipelines},
	{"GitLab CI", is("GITLAB_CI", "true"), gitlab},
	{"CircleCI", is("CIRCLECI", "true"), circleCI},
	{"Buildkite", is("BUILDKITE", "true"), buildkite},
	{"Bitbucket Pipelines", isSet("BITBUCKET_BUILD_NUMBER"), bitbucket},
	// Developers also set the first one, for the command line of Jenkins.
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

// build is what a CI reports about a run.
type build struct {
	system string
	event  string // that started the run, for people
	// foreignCode, if set, is why the run may be about code that is not of its ref.
	foreignCode string
	// contradiction, if set, describes variables that contradict each other.
	contradiction string
	fix           string // of the contradiction

	pull   string // number of the pull request
	branch string // of a run without a pull request
	tag    string
	// The variables that name them.
	pullVariable, branchVariable, tagVariable variable

	protection protection
	// defaultBranch returns the name of the default branch, the only one that no user can
	// create; nil or "" if the CI does not report it.
	defaultBranch func() string
	// isMergeQueue reports whether the branch belongs to the CI, so that no user can push to it.
	isMergeQueue bool
	// deploys, if set, is why the run of a branch may publish what it builds.
	deploys    string
	repository repository
	provenance Provenance
}

// protection is what a CI reports about push access to a branch.
type protection int

const (
	unknownProtection protection = iota
	// isOpen: everyone with write access to the repository may push to the branch, or
	// create it.
	isOpen
	isProtected
)

// protectedIf is the protection in a CI that reports it.
func protectedIf(yes bool) protection {
	if yes {
		return isProtected
	}
	return isOpen
}

// run decides. A run is trusted only if everything about it is known.
func (b build) run(branches Branches) Run {
	run := Run{Scope: Untrusted, Provenance: b.provenance.clean()}
	event := cmp.Or(b.event, "run")
	switch kind, name, _ := b.refKind(); {
	case b.contradiction != "":
		run.Reason = "variables contradict each other: " + b.contradiction
		run.Code, run.Fix = diagnostic.CIContradicts, "the CI's variables contradict each other ("+b.contradiction+"); "+b.fix
	case kind == KindPullRequest:
		run.Scope = PullRequest(name)
		run.Reason = cmp.Or(b.event, "pull request") + " " + name
	case b.foreignCode != "":
		run.Reason = b.foreignCode
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
	run.Reason, run.Fix = printable.String(b.system+": "+run.Reason), printable.String(run.Fix)
	return run
}

// decideRepository makes the run of an untrusted repository one that writes nothing.
func (b build) decideRepository(run *Run, branches Branches) {
	reason, fix := branches.whyUntrusted(b.repository)
	if reason == "" {
		return
	}
	name := b.branch
	if b.pull != "" {
		name = "pull/" + b.pull
	}
	run.Scope, run.Reason, run.Fix = ReadOnly(name), run.Reason+", "+reason, fix
	run.Code = diagnostic.RepositoryNotTrusted
}

// decideBranch decides about the run of a branch. Its name is not enough: everyone with push
// access can create a branch that matches a pattern, or one called master next to main, and
// change nx.json on it.
func (b build) decideBranch(run *Run, branches Branches) {
	defaultBranch := func() string { return "" }
	if b.defaultBranch != nil {
		defaultBranch = b.defaultBranch
	}
	isProtectedBranch := b.protection == isProtected || b.isMergeQueue || b.branch == defaultBranch()
	switch isListed := branches.match(b.branch, defaultBranch); {
	case isListed && (isProtectedBranch || b.protection == unknownProtection):
		run.Scope = Trusted
	case isListed:
		// It may be deployed, and anyone could have written the scope of its name before.
		run.Scope, run.Reason = ReadOnly(b.branch), ", which is not protected"
		run.Code, run.Fix = diagnostic.BranchNotTrusted, "the trusted branch "+b.branch+" is not protected; protect it"
	case b.isMergeQueue:
		// A branch name cannot contain a colon, so no branch of a user has this scope.
		run.Scope = Branch("queue:" + b.branch)
	case isProtectedBranch:
		run.Scope, run.Reason = ReadOnly(b.branch), ", which is not a trusted branch"
		run.Code, run.Fix = diagnostic.BranchNotTrusted, "the branch "+b.branch+" is protected or the default branch, but not trusted; "+
			"if only reviewed code reaches it, add it to azure.trust.branches in nx.json"
	case b.deploys != "":
		run.Scope, run.Reason = ReadOnly(b.branch), ", which may publish: "+b.deploys
	default:
		run.Scope = Branch(b.branch)
	}
}

// ref is the full ref of a build, for CIs that report only names.
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

// withoutUser removes the token that some CIs put into the URL of a repository.
func withoutUser(repository string) string {
	u, err := url.Parse(repository)
	if err != nil || u.User == nil || u.Host == "" {
		if strings.Contains(repository, "://") && strings.Contains(repository, "@") {
			return "" // an invalid URL may hold a token, too
		}
		return repository
	}
	u.User = nil
	return u.String()
}
