package trust

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// RefVariable tells a CI that is not known the ref of the run. The others know
// better.
const RefVariable = "NX_AZURE_CACHE_REF"

// Detect finds out who a run is. ci is what Nx says of it; getenv is its
// environment, in which the file may be named that describes an event of GitHub.
//
// Nx adds the variables of the workspace's .env files that are not set, and so does
// a pull request. Hence a CI that is known is one whatever Nx says (CI=false in such
// a file would make a pull request a developer), and the variables of a second one
// do not help.
func Detect(ci bool, branches Branches, getenv func(string) string) Run {
	var runs []Run
	for _, known := range systems {
		if known.here(getenv) {
			b := known.read(getenv)
			b.system = known.name
			runs = append(runs, b.run(branches))
		}
	}
	switch {
	case len(runs) > 0:
		return agreed(runs)
	case !ci:
		return Run{Scope: Local, Reason: "not in CI"}
	}
	b := refBuild(getenv(RefVariable))
	b.system = RefVariable
	run := b.run(branches)
	if run.Scope == Untrusted {
		run.Reason = "a CI that is not known, without a ref in " + RefVariable
		run.Advice = "this CI is not known; set " + RefVariable + " to the ref of the run, such as refs/heads/main or refs/pull/12"
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
			run.Advice = "there are variables of two CIs (" + run.Reason + "); unset those of the one that this is not"
			return run
		}
	}
	return run
}

// system is a CI that is known.
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
	pull    string // number of the pull request that it is about
	branch  string // that it is about, if it is not a pull request's
	tag     string
	// unprotected reports whether the CI knows of protection, and does not say that
	// the branch is protected: then whoever may write to the repository may write to
	// it, or make one of that name.
	unprotected bool
	// defaultBranch is the name of the one branch that nobody can make anew.
	defaultBranch func() string
	provenance    Provenance
}

// run decides. What is not known to be trusted is not.
func (b build) run(branches Branches) Run {
	run := Run{Scope: Untrusted, Provenance: b.provenance.clean()}
	event := cmp.Or(b.event, "run")
	switch {
	case b.pull != "":
		run.Scope = PullRequest(b.pull)
		run.Reason = "pull request " + b.pull
		if b.event != "" {
			run.Reason = event + " " + b.pull
		}
	case b.foreign != "":
		run.Reason = b.foreign
	case b.tag != "": // some CIs have a branch, too
		run.Scope, run.Reason = Tag(b.tag), event+" of the tag "+b.tag
	case b.branch != "":
		run.Scope, run.Reason = Branch(b.branch), event+" of "+b.branch
		switch {
		case !branches.match(b.branch):
		case b.isFenced():
			run.Scope = Trusted
		default:
			run.Reason += ", which is not protected"
			run.Advice = "the branch " + printable.String(b.branch) + " is among the trusted ones, but not protected: protect it"
		}
	default:
		run.Reason = event + " of no branch, tag or pull request"
	}
	run.Reason = printable.String(b.system + ": " + run.Reason)
	return run
}

// isFenced reports whether the branch is the one that is meant by its name. The
// name is not enough: who may write to a repository may make a branch that matches
// a pattern, or one called master beside main, and change nx.json on it.
func (b build) isFenced() bool {
	return !b.unprotected || b.defaultBranch != nil && b.defaultBranch() == b.branch
}

// refBuild reads a full ref as git and most CIs write it.
func refBuild(ref string) build {
	b := build{provenance: Provenance{Ref: ref}}
	for _, pull := range []string{"refs/pull/", "refs/merge-requests/", "refs/pull-requests/"} {
		if rest, ok := strings.CutPrefix(ref, pull); ok {
			b.pull, _, _ = strings.Cut(rest, "/")
			return b
		}
	}
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		b.branch = branch
	} else if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		b.tag = tag
	}
	return b
}

// first is the first variable that is set to something.
func first(getenv func(string) string, variables ...string) string {
	for _, variable := range variables {
		if value := getenv(variable); value != "" {
			return value
		}
	}
	return ""
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
