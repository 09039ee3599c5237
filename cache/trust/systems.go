package trust

import (
	"cmp"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// This file reads the variables of each CI, as its documentation describes them.
// testdata/environments.json has recorded environments, with the URLs of the pages.

// githubEvents are the events whose runs are about the code of GITHUB_REF. All others,
// including future ones, may be about the code of a pull request: pull_request_target and
// workflow_run are made for that, and issue_comment and repository_dispatch are used for it.
var githubEvents = []string{"push", "schedule", "workflow_dispatch", "merge_group", "release"}

// maxEvent is how much of an event file is read, in bytes.
const maxEvent = 32 << 20

// githubEvent is the used part of an event file.
type githubEvent struct {
	Number      json.Number `json:"number"`
	PullRequest struct {
		Number json.Number `json:"number"`
	} `json:"pull_request"`
	Repository struct {
		DefaultBranch string `json:"default_branch"`
		FullName      string `json:"full_name"`
		Fork          bool   `json:"fork"`
	} `json:"repository"`
}

func readGitHubEvent(path string) (event githubEvent) {
	f, err := os.Open(path)
	if err != nil {
		return event
	}
	defer f.Close() // opened for reading: nothing is lost
	_ = json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event)
	return event
}

func github(getenv func(string) string) build {
	event := variableOf(getenv, "GITHUB_EVENT_NAME")
	payload := sync.OnceValue(func() githubEvent { return readGitHubEvent(getenv("GITHUB_EVENT_PATH")) })
	b := refBuild(variableOf(getenv, "GITHUB_REF"))
	b.event = event.value
	isPull := strings.HasPrefix(b.event, "pull_request")
	if isPull { // pull_request_target has the ref of the base
		for _, number := range []json.Number{payload().PullRequest.Number, payload().Number} {
			b.setPull(variable{"the number in the GITHUB_EVENT_PATH file", number.String()}, number.String())
		}
	}
	if isPull || !slices.Contains(githubEvents, b.event) {
		b.foreignCode = cmp.Or(b.event, "an unknown event (GITHUB_EVENT_NAME is not set)") + ", which may run the code of a pull request"
	}
	for _, variable := range []string{"GITHUB_HEAD_REF", "GITHUB_BASE_REF"} {
		if ref := variableOf(getenv, variable); ref.isSet() && !isPull {
			b.disagree(event, ref)
		}
	}
	b.protection = protectedIf(getenv("GITHUB_REF_PROTECTED") == "true")
	b.isMergeQueue = b.event == "merge_group"
	if b.event == "release" {
		b.deploys = "the event is release"
	}
	b.defaultBranch = func() string { return payload().Repository.DefaultBranch }
	b.provenance.Repository = getenv("GITHUB_REPOSITORY")
	b.repository = repository{
		variable: "GITHUB_REPOSITORY",
		names:    func() []string { return []string{getenv("GITHUB_REPOSITORY"), payload().Repository.FullName} },
		fork: func() string {
			if payload().Repository.Fork {
				return "repository.fork in the GITHUB_EVENT_PATH file"
			}
			return ""
		},
	}
	b.provenance.Commit = getenv("GITHUB_SHA")
	if run := getenv("GITHUB_RUN_ID"); run != "" {
		b.provenance.Run = getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_REPOSITORY") + "/actions/runs/" + run
	}
	return b
}

// azureReasons are the values of BUILD_REASON for runs about the code of
// BUILD_SOURCEBRANCH. A run of a pull request may start the others.
var azureReasons = []string{"IndividualCI", "BatchedCI", "Manual", "Schedule"}

func azurePipelines(getenv func(string) string) build {
	reason := getenv("BUILD_REASON")
	ref := variableOf(getenv, "BUILD_SOURCEBRANCH")
	b := refBuild(ref)
	b.event = reason
	number, id := variableOf(getenv, "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER"), variableOf(getenv, "SYSTEM_PULLREQUEST_PULLREQUESTID")
	for _, pull := range []variable{number, id} {
		isNumber := pull == number || getenv("BUILD_REPOSITORY_PROVIDER") == "TfsGit" // elsewhere the ID is internal to Azure
		switch {
		case b.pull == "" && pull.isSet():
			b.disagree(pull, ref)
		case isNumber:
			b.setPull(pull, pull.value)
		}
	}
	if !slices.Contains(azureReasons, reason) {
		b.foreignCode = reason + ", which may run the code of a pull request"
	}
	if getenv("RELEASE_RELEASEID") != "" {
		b.foreignCode = "a classic release, which may build code that it downloads"
	}
	if name := getenv("ENVIRONMENT_NAME"); name != "" && getenv("ENVIRONMENT_ID") != "" {
		b.deploys = "the job deploys to " + name
	}
	if fork := variableOf(getenv, "SYSTEM_PULLREQUEST_ISFORK"); strings.EqualFold(fork.value, "true") && b.pull == "" {
		b.disagree(fork, ref)
	}
	b.provenance.Repository = getenv("BUILD_REPOSITORY_NAME")
	b.repository = repositoryIn("BUILD_REPOSITORY_NAME", b.provenance.Repository)
	if project := getenv("SYSTEM_TEAMPROJECT"); getenv("BUILD_REPOSITORY_PROVIDER") == "TfsGit" && b.provenance.Repository != "" {
		b.repository = repositoryIn("BUILD_REPOSITORY_NAME", project+"/"+b.provenance.Repository)
	}
	b.provenance.Commit = getenv("BUILD_SOURCEVERSION")
	if id := getenv("BUILD_BUILDID"); id != "" {
		b.provenance.Run = getenv("SYSTEM_COLLECTIONURI") + getenv("SYSTEM_TEAMPROJECT") + "/_build/results?buildId=" + id
	}
	return b
}

// gitlabSources are the values of CI_PIPELINE_SOURCE for pipelines about the code of
// CI_COMMIT_BRANCH or CI_COMMIT_TAG.
var gitlabSources = []string{"push", "web", "webide", "schedule", "api", "trigger", "pipeline", "parent_pipeline", "chat"}

// gitlabTiers are the values of CI_ENVIRONMENT_TIER for jobs that deploy.
var gitlabTiers = []string{"production", "staging"}

func gitlab(getenv func(string) string) build {
	b := build{
		event:         getenv("CI_PIPELINE_SOURCE"),
		protection:    protectedIf(getenv("CI_COMMIT_REF_PROTECTED") == "true"),
		defaultBranch: func() string { return getenv("CI_DEFAULT_BRANCH") },
		repository:    repositoryIn("CI_PROJECT_PATH", getenv("CI_PROJECT_PATH")),
		provenance: Provenance{
			Repository: getenv("CI_PROJECT_PATH"),
			Commit:     getenv("CI_COMMIT_SHA"),
			Run:        cmp.Or(getenv("CI_PIPELINE_URL"), getenv("CI_JOB_URL")),
		},
	}
	b.readGitLab(getenv)
	if !slices.Contains(gitlabSources, b.event) {
		b.foreignCode = b.event + ", which may run the code of a merge request"
	}
	if tier := getenv("CI_ENVIRONMENT_TIER"); slices.Contains(gitlabTiers, tier) {
		b.deploys = "the job deploys to " + tier
	}
	b.provenance.Ref = b.ref()
	return b
}

// readGitLab finds the ref of a pipeline. CI_COMMIT_REF_NAME alone is not enough: for a
// merge request, it is the source branch, which in a fork may be called main.
func (b *build) readGitLab(getenv func(string) string) {
	name := variableOf(getenv, "CI_COMMIT_REF_NAME")
	branch, tag := variableOf(getenv, "CI_COMMIT_BRANCH"), variableOf(getenv, "CI_COMMIT_TAG")
	b.setBranch(branch, branch.value)
	b.setTag(tag, tag.value)
	for _, ref := range []variable{branch, tag} {
		if ref.isSet() && name.isSet() && ref.value != name.value {
			b.disagree(ref, name)
		}
	}
	iid, path := variableOf(getenv, "CI_MERGE_REQUEST_IID"), variableOf(getenv, "CI_MERGE_REQUEST_REF_PATH")
	external := variableOf(getenv, "CI_EXTERNAL_PULL_REQUEST_IID")
	b.setPull(iid, iid.value)
	b.setPull(path, refBuild(path).pull)
	b.setPull(external, external.value)
	b.rejectPullWithTag()
	if (iid.isSet() || path.isSet()) && branch.isSet() { // merge requests have no CI_COMMIT_BRANCH
		b.disagree(b.pullVariable, branch)
	}
	if external.isSet() && b.event != "external_pull_request_event" {
		b.disagree(external, variable{"CI_PIPELINE_SOURCE", b.event})
	}
}

// jenkinsPulls are the variables with the number of a pull request, of multibranch projects
// and of the plugins for GitHub (two), GitLab, Bitbucket (two) and Gerrit. If one of them is
// set, GIT_BRANCH may be the target branch.
var jenkinsPulls = []string{
	"CHANGE_ID", "ghprbPullId", "GITHUB_PR_NUMBER", "gitlabMergeRequestIid", "BITBUCKET_PULL_REQUEST_ID", "pullRequestId",
	"GERRIT_CHANGE_NUMBER",
}

func jenkins(getenv func(string) string) build {
	b := build{
		repository: repositoryIn("GIT_URL", pathOfURL(getenv("GIT_URL"))),
		provenance: Provenance{
			Repository: withoutUser(getenv("GIT_URL")),
			Commit:     getenv("GIT_COMMIT"),
			Run:        getenv("BUILD_URL"),
		},
	}
	name, git, tag := variableOf(getenv, "BRANCH_NAME"), variableOf(getenv, "GIT_BRANCH"), variableOf(getenv, "TAG_NAME")
	for _, variable := range jenkinsPulls {
		b.setPull(variableOf(getenv, variable), getenv(variable))
	}
	b.setTag(tag, tag.value)
	b.rejectPullWithTag()
	if b.pull != "" {
		b.checkJenkinsPull(name, git)
	} else {
		b.readJenkinsBranch(name, git)
	}
	b.provenance.Ref = b.ref()
	return b
}

// jenkinsPullRefs are values of GIT_BRANCH that name a pull request.
var jenkinsPullRefs = regexp.MustCompile(`^(?:origin/)?pr/([^/]+)/(?:merge|head)$`)

// checkJenkinsPull compares the number of a pull request with branch names. A multibranch
// project calls its branch PR-12 or MR-12; other plugins use other names with the number.
func (b *build) checkJenkinsPull(name, git variable) {
	holdsNumber := slices.Contains(strings.FieldsFunc(name.value, func(r rune) bool { return r < '0' || r > '9' }), b.pull)
	isDifferent := git.isSet() && git.value != "detached" && strings.TrimPrefix(git.value, "origin/") != name.value
	switch ref := jenkinsPullRefs.FindStringSubmatch(git.value); {
	case name.isSet() && !holdsNumber, !name.isSet() && b.pullVariable.name == jenkinsPulls[0]:
		b.disagree(b.pullVariable, name)
	case name.isSet() && isDifferent:
		b.disagree(name, git)
	case ref != nil:
		b.setPull(git, ref[1])
	}
}

// readJenkinsBranch finds the branch of a run without a pull request.
func (b *build) readJenkinsBranch(name, git variable) {
	short := strings.TrimPrefix(git.value, "origin/")
	switch {
	case b.tag != "": // BRANCH_NAME is the tag
	case name.isSet():
		b.setBranch(name, name.value)
		switch {
		case git.value == name.value && short != git.value:
			b.contradict(name.String()+" and so is GIT_BRANCH: either a branch of that name, or "+strconv.Quote(short)+" of the remote origin", renameBranch)
		case git.isSet() && git.value != name.value && short != name.value:
			b.disagree(name, git)
		}
	case git.value != "detached":
		b.setBranch(git, short)
	}
}

func circleCI(getenv func(string) string) build {
	b := build{
		provenance: Provenance{
			Repository: strings.Trim(getenv("CIRCLE_PROJECT_USERNAME")+"/"+getenv("CIRCLE_PROJECT_REPONAME"), "/"),
			Commit:     getenv("CIRCLE_SHA1"),
			Run:        getenv("CIRCLE_BUILD_URL"),
		},
	}
	b.repository = repositoryIn("CIRCLE_PROJECT_REPONAME", b.provenance.Repository)
	branch, tag := variableOf(getenv, "CIRCLE_BRANCH"), variableOf(getenv, "CIRCLE_TAG")
	b.setBranch(branch, branch.value)
	b.setTag(tag, tag.value)
	b.readCirclePulls(getenv)
	b.rejectPullWithTag()
	b.provenance.Ref = b.ref()
	return b
}

// readCirclePulls finds the pull request of a run. A pull request of a fork has a number and
// the branch pull/N. A branch of the repository has the URLs of its pull requests.
func (b *build) readCirclePulls(getenv func(string) string) {
	fork, address := variableOf(getenv, "CIRCLE_PR_NUMBER"), variableOf(getenv, "CIRCLE_PULL_REQUEST")
	addresses := variableOf(getenv, "CIRCLE_PULL_REQUESTS")
	b.setPull(fork, fork.value)
	b.setPull(address, lastSegment(address.value))
	var all []string
	for address := range strings.SplitSeq(addresses.value, ",") {
		all = append(all, lastSegment(address))
	}
	switch {
	case b.pull == "":
		b.setPull(addresses, all[0])
	case addresses.isSet() && !slices.Contains(all, b.pull):
		b.disagree(b.pullVariable, addresses)
	}
	rest, isPull := strings.CutPrefix(b.branch, "pull/")
	number, _, _ := strings.Cut(rest, "/")
	switch {
	case isPull && b.pull == "":
		b.contradict(b.branchVariable.String()+", as in a fork's pull request, but "+fork.String(), renameBranch)
	case isPull:
		b.setPull(b.branchVariable, number)
	case fork.isSet():
		b.disagree(fork, b.branchVariable)
	}
}

func lastSegment(address string) string {
	address = strings.TrimSpace(address)
	return address[strings.LastIndexByte(address, '/')+1:]
}

func buildkite(getenv func(string) string) build {
	b := build{
		event:      getenv("BUILDKITE_SOURCE"),
		repository: repositoryIn("BUILDKITE_REPO", pathOfURL(getenv("BUILDKITE_REPO"))),
		provenance: Provenance{
			Repository: withoutUser(getenv("BUILDKITE_REPO")),
			Commit:     getenv("BUILDKITE_COMMIT"),
			Run:        getenv("BUILDKITE_BUILD_URL"),
		},
	}
	branch, tag := variableOf(getenv, "BUILDKITE_BRANCH"), variableOf(getenv, "BUILDKITE_TAG")
	b.setBranch(branch, branch.value)
	b.setTag(tag, tag.value)
	switch pull := variableOf(getenv, "BUILDKITE_PULL_REQUEST"); pull.value {
	case "false":
	case "":
		b.foreignCode = "BUILDKITE_PULL_REQUEST is not set, so this may be a pull request"
	default:
		b.setPull(pull, pull.value)
	}
	b.rejectPullWithTag()
	// The triggering build chooses branch and commit, and may be of a pull request.
	if b.event == "trigger_job" {
		b.foreignCode = "trigger_job, which may run the code of a pull request"
	}
	b.provenance.Ref = b.ref()
	return b
}

func bitbucket(getenv func(string) string) build {
	b := build{provenance: Provenance{
		Repository: getenv("BITBUCKET_REPO_FULL_NAME"),
		Commit:     getenv("BITBUCKET_COMMIT"),
	}}
	b.repository = repositoryIn("BITBUCKET_REPO_FULL_NAME", b.provenance.Repository)
	branch, tag := variableOf(getenv, "BITBUCKET_BRANCH"), variableOf(getenv, "BITBUCKET_TAG")
	b.setBranch(branch, branch.value) // for a pull request, the source branch
	b.setTag(tag, tag.value)
	pull, target := variableOf(getenv, "BITBUCKET_PR_ID"), variableOf(getenv, "BITBUCKET_PR_DESTINATION_BRANCH")
	b.setPull(pull, pull.value)
	b.rejectPullWithTag()
	if target.isSet() && !pull.isSet() {
		b.disagree(target, pull)
	}
	if environment := getenv("BITBUCKET_DEPLOYMENT_ENVIRONMENT"); environment != "" {
		b.deploys = "the step deploys to " + environment
	}
	b.provenance.Ref = b.ref()
	if number := getenv("BITBUCKET_BUILD_NUMBER"); number != "" && b.provenance.Repository != "" {
		b.provenance.Run = "https://bitbucket.org/" + b.provenance.Repository + "/pipelines/results/" + number
	}
	return b
}
