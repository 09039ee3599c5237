package testenv

import (
	"maps"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Env is an environment.
type Env map[string]string

// Get returns the value of a variable, or "".
func (e Env) Get(name string) string { return e[name] }

// The runs that the tests use.
var (
	MainRun = Env{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_PROTECTED": "true"}
	PullRun = Env{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/12/merge"}
	NoRun   = Env{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_run", "GITHUB_REF": "refs/heads/main"}
	TagRun  = Env{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/tags/v1", "GITHUB_REF_PROTECTED": "true"}
	DevRun  = Env{}
)

// With merges environments. The last one has precedence.
func With(runs ...Env) Env {
	all := Env{}
	for _, run := range runs {
		maps.Copy(all, run)
	}
	return all
}

// Attacks are variables that a pull request may put into its .env file.
var Attacks = map[string]Env{
	"GitHub's four variables": {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_PROTECTED": "true"},
	"CI=false":                {"CI": "false"},
	"CI=true and a ref":       {"CI": "true", trust.RefVariable: "refs/heads/main"},
	"BRANCH_NAME":             {"BRANCH_NAME": "main"},
	"GIT_BRANCH":              {"GIT_BRANCH": "main", "BRANCH_NAME": "main"},
	"an Azure pull request":   {"SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "99"},
	"a pull request's id":     {"SYSTEM_PULLREQUEST_PULLREQUESTID": "99"},
	"a CircleCI pull request": {"CIRCLE_PR_NUMBER": "99"},
	"its address":             {"CIRCLE_PULL_REQUEST": "https://github.com/acme/shop/pull/99"},
	"a change":                {"CHANGE_ID": "99"},
	"a merge request":         {"CI_MERGE_REQUEST_IID": "99"},
	"Bitbucket's":             {"BITBUCKET_PR_ID": "99"},
	"Buildkite's":             {"BUILDKITE_PULL_REQUEST": "99"},
	"a tag":                   {"TAG_NAME": "v1", "CI_COMMIT_TAG": "v1", "CIRCLE_TAG": "v1", "BUILDKITE_TAG": "v1", "BITBUCKET_TAG": "v1"},
	"Jenkins":                 {"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "BRANCH_NAME": "main"},
	"GitLab":                  {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_PROTECTED": "true"},
	"an event file":           {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/dev/stdin"},
}
