package trust

import (
	"cmp"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// What each CI says of a run. The variables are those of its documentation;
// testdata/environments.json has recorded ones, with the addresses of the pages.

// githubEvents are the events whose runs are about the code of GITHUB_REF. All
// others, and those that are yet to come, may be about the code of a pull request:
// pull_request_target and workflow_run are made for that, issue_comment and
// repository_dispatch are used for it.
var githubEvents = []string{"push", "schedule", "workflow_dispatch", "merge_group", "release"}

// maxEvent is how much is read of a file that describes an event, in bytes.
const maxEvent = 32 << 20

// githubEvent is what is of interest in such a file.
type githubEvent struct {
	Number      json.Number `json:"number"`
	PullRequest struct {
		Number json.Number `json:"number"`
	} `json:"pull_request"`
	Repository struct {
		DefaultBranch string `json:"default_branch"`
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
	event := getenv("GITHUB_EVENT_NAME")
	b := refBuild(getenv("GITHUB_REF"))
	b.event = event
	isPull := strings.HasPrefix(event, "pull_request")
	if isPull && b.pull == "" { // pull_request_target has the ref of the base
		payload := readGitHubEvent(getenv("GITHUB_EVENT_PATH"))
		b.pull = cmp.Or(payload.PullRequest.Number, payload.Number).String()
	}
	if isPull || !slices.Contains(githubEvents, event) {
		b.foreign = cmp.Or(event, "an unknown event (GITHUB_EVENT_NAME is not set)") + ", which may run the code of a pull request"
	}
	// The queue's branches are GitHub's: nobody else can make one.
	b.unprotected = getenv("GITHUB_REF_PROTECTED") != "true" && event != "merge_group"
	b.defaultBranch = func() string { return readGitHubEvent(getenv("GITHUB_EVENT_PATH")).Repository.DefaultBranch }
	b.provenance.Repository = getenv("GITHUB_REPOSITORY")
	b.provenance.Commit = getenv("GITHUB_SHA")
	if run := getenv("GITHUB_RUN_ID"); run != "" {
		b.provenance.Run = getenv("GITHUB_SERVER_URL") + "/" + getenv("GITHUB_REPOSITORY") + "/actions/runs/" + run
	}
	return b
}

// azureReasons are the values of BUILD_REASON of runs that are about the code of
// BUILD_SOURCEBRANCH. Others may be started by a run of a pull request.
var azureReasons = []string{"IndividualCI", "BatchedCI", "Manual", "Schedule"}

func azurePipelines(getenv func(string) string) build {
	reason := getenv("BUILD_REASON")
	b := refBuild(getenv("BUILD_SOURCEBRANCH"))
	b.event = reason
	// Of a pull request in GitHub the ID is a number of Azure's.
	b.pull = cmp.Or(getenv("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER"), b.pull, getenv("SYSTEM_PULLREQUEST_PULLREQUESTID"))
	if !slices.Contains(azureReasons, reason) {
		b.foreign = reason + ", which may run the code of a pull request"
	}
	b.provenance.Repository = getenv("BUILD_REPOSITORY_NAME")
	b.provenance.Commit = getenv("BUILD_SOURCEVERSION")
	if id := getenv("BUILD_BUILDID"); id != "" {
		b.provenance.Run = getenv("SYSTEM_COLLECTIONURI") + getenv("SYSTEM_TEAMPROJECT") + "/_build/results?buildId=" + id
	}
	return b
}

// gitlabSources are the values of CI_PIPELINE_SOURCE of pipelines that are about
// the code of CI_COMMIT_BRANCH or CI_COMMIT_TAG.
var gitlabSources = []string{"push", "web", "webide", "schedule", "api", "trigger", "pipeline", "parent_pipeline", "chat"}

func gitlab(getenv func(string) string) build {
	source := getenv("CI_PIPELINE_SOURCE")
	b := build{
		event: source,
		pull:  first(getenv, "CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID"),
		// Not CI_COMMIT_REF_NAME: of a merge request that is the source branch, which
		// in a fork may be called main.
		branch:        getenv("CI_COMMIT_BRANCH"),
		tag:           getenv("CI_COMMIT_TAG"),
		unprotected:   getenv("CI_COMMIT_REF_PROTECTED") != "true",
		defaultBranch: func() string { return getenv("CI_DEFAULT_BRANCH") },
		provenance: Provenance{
			Repository: getenv("CI_PROJECT_PATH"),
			Commit:     getenv("CI_COMMIT_SHA"),
			Run:        first(getenv, "CI_PIPELINE_URL", "CI_JOB_URL"),
		},
	}
	if !slices.Contains(gitlabSources, source) {
		b.foreign = source + ", which may run the code of a merge request"
	}
	b.provenance.Ref = b.ref()
	return b
}

// jenkinsPulls are the variables with the number of a pull request: of multibranch
// projects, and of the plugins for GitHub (two), GitLab, Bitbucket (two) and
// Gerrit. Beside them GIT_BRANCH may be the branch that the code is to get into.
var jenkinsPulls = []string{
	"CHANGE_ID", "ghprbPullId", "GITHUB_PR_NUMBER", "gitlabMergeRequestIid", "BITBUCKET_PULL_REQUEST_ID", "pullRequestId",
	"GERRIT_CHANGE_NUMBER",
}

func jenkins(getenv func(string) string) build {
	b := build{
		pull:   first(getenv, jenkinsPulls...),
		branch: getenv("BRANCH_NAME"),
		tag:    getenv("TAG_NAME"),
		provenance: Provenance{
			Repository: withoutUser(getenv("GIT_URL")),
			Commit:     getenv("GIT_COMMIT"),
			Run:        getenv("BUILD_URL"),
		},
	}
	branch := getenv("GIT_BRANCH")
	name := strings.TrimPrefix(branch, "origin/")
	switch {
	case b.tag != "": // BRANCH_NAME is the tag's then
	case b.branch == "" && branch != "detached":
		b.branch = name
	case branch != "" && b.branch != branch && b.branch != name:
		b.foreign = "GIT_BRANCH is not BRANCH_NAME" // which a .env file can add
	}
	b.provenance.Ref = b.ref()
	return b
}

func circleCI(getenv func(string) string) build {
	b := build{
		branch: getenv("CIRCLE_BRANCH"),
		tag:    getenv("CIRCLE_TAG"),
		pull:   getenv("CIRCLE_PR_NUMBER"),
		provenance: Provenance{
			Repository: strings.Trim(getenv("CIRCLE_PROJECT_USERNAME")+"/"+getenv("CIRCLE_PROJECT_REPONAME"), "/"),
			Commit:     getenv("CIRCLE_SHA1"),
			Run:        getenv("CIRCLE_BUILD_URL"),
		},
	}
	// Also of a branch of the repository itself, from which there is one.
	pulls := first(getenv, "CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS")
	pull, _, _ := strings.Cut(pulls, ",")
	pull = pull[strings.LastIndexByte(pull, '/')+1:]
	if fork, ok := strings.CutPrefix(b.branch, "pull/"); ok {
		pull, _, _ = strings.Cut(fork, "/")
	}
	b.pull = cmp.Or(b.pull, pull)
	if b.pull == "" && pulls != "" {
		b.foreign = "a pull request without a number"
	}
	b.provenance.Ref = b.ref()
	return b
}

func buildkite(getenv func(string) string) build {
	b := build{
		event:  getenv("BUILDKITE_SOURCE"),
		branch: getenv("BUILDKITE_BRANCH"),
		tag:    getenv("BUILDKITE_TAG"),
		provenance: Provenance{
			Repository: withoutUser(getenv("BUILDKITE_REPO")),
			Commit:     getenv("BUILDKITE_COMMIT"),
			Run:        getenv("BUILDKITE_BUILD_URL"),
		},
	}
	switch pull := getenv("BUILDKITE_PULL_REQUEST"); {
	case pull == "false":
	case isNumber(pull):
		b.pull = pull
	default:
		b.foreign = "it does not say whether this is a pull request"
	}
	// Who triggers it names branch and commit, and may be a pull request's build.
	if b.event == "trigger_job" {
		b.foreign = "trigger_job, which may run the code of a pull request"
	}
	b.provenance.Ref = b.ref()
	return b
}

func bitbucket(getenv func(string) string) build {
	b := build{
		pull:   getenv("BITBUCKET_PR_ID"), // BITBUCKET_BRANCH is the source branch then
		branch: getenv("BITBUCKET_BRANCH"),
		tag:    getenv("BITBUCKET_TAG"),
		provenance: Provenance{
			Repository: getenv("BITBUCKET_REPO_FULL_NAME"),
			Commit:     getenv("BITBUCKET_COMMIT"),
		},
	}
	b.provenance.Ref = b.ref()
	if number := getenv("BITBUCKET_BUILD_NUMBER"); number != "" && b.provenance.Repository != "" {
		b.provenance.Run = "https://bitbucket.org/" + b.provenance.Repository + "/pipelines/results/" + number
	}
	return b
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 64)
	return err == nil
}
