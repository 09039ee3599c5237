package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// With claims a run is who it is without them, or untrusted: then a claim that is not
// set in the environment is to blame.
func TestClaimsRaiseNothing(t *testing.T) {
	changed := make(map[string]int)
	for _, run := range recordedRuns(t) {
		want := trust.Detect(run.CI, run.branches(), run.Env.get)
		for name, attack := range attacks {
			got, blamed := newClaims(dotenv(attack)).detect(run.CI, run.branches(), run.Env.get)
			switch {
			case got.Scope == want.Scope && len(blamed) == 0:
			case got.Scope != trust.Untrusted || len(blamed) == 0:
				t.Errorf("%s with %s: got %s, blaming %v, want %s or %s", run.Name, name, got.Scope, blamed, want.Scope, trust.Untrusted)
			default:
				changed[name]++
			}
			for _, claim := range blamed {
				if run.Env[claim.Name] != "" || !strings.Contains(got.Advice, claim.Name+" of .env ") {
					t.Errorf("%s with %s: blames %v, and says %q", run.Name, name, claim, got.Advice)
				}
			}
		}
	}
	for name := range attacks {
		if changed[name] == 0 {
			t.Errorf("%s changes no run: the test does not bite", name)
		}
	}
}

func TestWhatIsBlamed(t *testing.T) {
	for name, test := range map[string]struct {
		real   env
		ci     bool
		claims env
		scope  string
		blamed string
	}{
		"CI that is not known":      {env{}, true, attacks["GitHub's four variables"], "untrusted", "GITHUB_ACTIONS"},
		"CodeBuild":                 {env{"CODEBUILD_BUILD_ID": "1", trust.RefVariable: "refs/pull/1"}, true, attacks["CI=false"], "untrusted", "CI"},
		"Jenkins":                   {env{"JENKINS_URL": "x", "BUILD_NUMBER": "1"}, true, attacks["BRANCH_NAME"], "untrusted", "BRANCH_NAME"},
		"developer":                 {env{}, false, attacks["GitHub's four variables"], "untrusted", "GITHUB_ACTIONS"},
		"developer, CI=true":        {env{}, false, env{"CI": "true"}, "untrusted", "CI"},
		"pull request, CI=false":    {pullRun, true, attacks["CI=false"], "pr-12", ""},
		"main, an application's":    {mainRun, true, env{"BRANCH_NAME": "main", "DATABASE_URL": "x", "CI": "true"}, "trusted", ""},
		"two that do it, each":      {env{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "x"}, true, env{"CI_MERGE_REQUEST_IID": "9", "CI_EXTERNAL_PULL_REQUEST_IID": "9"}, "untrusted", "CI_MERGE_REQUEST_IID CI_EXTERNAL_PULL_REQUEST_IID"},
		"developer, Nx's isCI 20.0": {env{"JENKINS_URL": "x"}, false, env{"DATABASE_URL": "x"}, "local", ""},
	} {
		t.Run(name, func(t *testing.T) {
			run, blamed := newClaims(dotenv(test.claims)).detect(test.ci, trust.DefaultBranches(""), test.real.get)
			var names []string
			for _, claim := range blamed {
				names = append(names, claim.Name)
			}
			if string(run.Scope) != test.scope || strings.Join(names, " ") != test.blamed {
				t.Errorf("got %s, blaming %q, want %s, %q", run.Scope, names, test.scope, test.blamed)
			}
		})
	}
}

// Where the system does not tell what came from outside, a file can name a variable of
// the CI, so that it counts as absent. With another variable the run may look like
// another one both with and without the claims.
func TestHiddenVariables(t *testing.T) {
	all := env{"CODEBUILD_BUILD_ID": "shop:1", trust.RefVariable: "refs/pull/7"}
	hidden := env{"CI": "false", "CODEBUILD_BUILD_ID": "shop:1"}
	real := env{trust.RefVariable: all[trust.RefVariable]}
	with, without := trust.Detect(false, trust.DefaultBranches(""), with(all, hidden).get), trust.Detect(false, trust.DefaultBranches(""), real.get)
	if with.Scope != trust.Local || without.Scope != trust.Local {
		t.Fatalf("got %s and %s: the test does not bite", with.Scope, without.Scope)
	}
	run, blamed := newClaims(dotenv(hidden)).detect(false, trust.DefaultBranches(""), real.get)
	if run.Scope != trust.Untrusted || len(blamed) != 2 {
		t.Errorf("got %s, blaming %v", run.Scope, blamed)
	}
	many := env{}
	for _, name := range []string{"TF_BUILD", "GITLAB_CI", "CIRCLECI", "BUILDKITE", "JENKINS_URL", "GITHUB_SHA", "GITHUB_REPOSITORY"} {
		many[name] = "x"
	}
	if run, blamed := newClaims(dotenv(many)).detect(true, trust.ListedBranches("main"), mainRun.get); run.Scope != trust.Untrusted || len(blamed) <= maxMattering {
		t.Errorf("many: got %s, blaming %v", run.Scope, blamed)
	}
}

// A claim must not make this process open a file.
func TestNoClaimNamesAFile(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	real := with(mainRun, env{"GITHUB_REF_PROTECTED": "false"})
	if run := trust.Detect(true, trust.ListedBranches("main"), with(real, env{eventVariable: event}).get); run.Scope != trust.Trusted {
		t.Fatalf("got %s from the file: the test does not bite", run.Scope)
	}
	run, blamed := newClaims(dotenv(env{eventVariable: event})).detect(true, trust.ListedBranches("main"), real.get)
	if run.Scope != "readonly-main" || len(blamed) > 0 {
		t.Errorf("got %s, blaming %v, want the file not read", run.Scope, blamed)
	}
}

// Where a file can hide a variable of the CI, it can hide the event, and with it which
// branch is the default one.
func TestHiddenEvent(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	hidden := env{eventVariable: event}
	master := with(mainRun, env{"GITHUB_REF": "refs/heads/master", "GITHUB_REF_PROTECTED": "true"})
	if run := trust.Detect(true, trust.DefaultBranches(""), with(master, hidden).get); run.Scope != "readonly-master" {
		t.Fatalf("got %s with the event", run.Scope)
	}
	run, blamed := newClaims(dotenv(hidden)).detect(true, trust.DefaultBranches(""), master.get)
	if run.Scope != trust.Untrusted || len(blamed) != 1 || blamed[0].Name != eventVariable {
		t.Errorf("got %s, blaming %v", run.Scope, blamed)
	}
	// The event may say that this is a fork, so that it matters for listed branches, too.
	run, blamed = newClaims(dotenv(hidden)).detect(true, trust.ListedBranches("master"), master.get)
	if run.Scope != trust.Untrusted || len(blamed) != 1 || blamed[0].Name != eventVariable {
		t.Errorf("listed: got %s, blaming %v", run.Scope, blamed)
	}
}
