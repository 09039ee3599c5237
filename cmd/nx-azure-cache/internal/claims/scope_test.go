package claims

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// With claims, a run has the same scope as without them, or it is untrusted. Then the
// blamed claim is not set in the environment.
func TestClaimsRaiseNothing(t *testing.T) {
	changed := make(map[string]int)
	for _, run := range testenv.RecordedRuns(t) {
		want := trust.Detect(run.CI, run.TrustedBranches(), run.Env.Get)
		for name, attack := range testenv.Attacks {
			got, blamed := New(dotenv(attack)).Detect(run.CI, run.TrustedBranches(), run.Env.Get)
			switch {
			case got.Scope == want.Scope && len(blamed) == 0:
			case got.Scope != trust.Untrusted || len(blamed) == 0:
				t.Errorf("%s with %s: got %s, blaming %v, want %s or %s", run.Name, name, got.Scope, blamed, want.Scope, trust.Untrusted)
			default:
				changed[name]++
			}
			for _, claim := range blamed {
				if run.Env[claim.Name] != "" || !strings.Contains(got.Fix, claim.Name+" of .env ") {
					t.Errorf("%s with %s: blames %v, and says %q", run.Name, name, claim, got.Fix)
				}
			}
		}
	}
	for name := range testenv.Attacks {
		if changed[name] == 0 {
			t.Errorf("%s changes no run: the test tested nothing", name)
		}
	}
}

func TestBlamedClaims(t *testing.T) {
	for name, test := range map[string]struct {
		real   testenv.Env
		ci     bool
		claims testenv.Env
		scope  string
		blamed string
	}{
		"CI that is not known":      {testenv.Env{}, true, testenv.Attacks["GitHub's four variables"], "untrusted", "GITHUB_ACTIONS"},
		"CodeBuild":                 {testenv.Env{"CODEBUILD_BUILD_ID": "1", trust.RefVariable: "refs/pull/1"}, true, testenv.Attacks["CI=false"], "untrusted", "CI"},
		"Jenkins":                   {testenv.Env{"JENKINS_URL": "x", "BUILD_NUMBER": "1"}, true, testenv.Attacks["BRANCH_NAME"], "untrusted", "BRANCH_NAME"},
		"developer":                 {testenv.Env{}, false, testenv.Attacks["GitHub's four variables"], "untrusted", "GITHUB_ACTIONS"},
		"developer, CI=true":        {testenv.Env{}, false, testenv.Env{"CI": "true"}, "untrusted", "CI"},
		"pull request, CI=false":    {testenv.PullRun, true, testenv.Attacks["CI=false"], "pr-12", ""},
		"main, an application's":    {testenv.MainRun, true, testenv.Env{"BRANCH_NAME": "main", "DATABASE_URL": "x", "CI": "true"}, "trusted", ""},
		"two claims, each enough":   {testenv.Env{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "x"}, true, testenv.Env{"CI_MERGE_REQUEST_IID": "9", "CI_EXTERNAL_PULL_REQUEST_IID": "9"}, "untrusted", "CI_MERGE_REQUEST_IID CI_EXTERNAL_PULL_REQUEST_IID"},
		"developer, Nx's isCI 20.0": {testenv.Env{"JENKINS_URL": "x"}, false, testenv.Env{"DATABASE_URL": "x"}, "local", ""},
	} {
		t.Run(name, func(t *testing.T) {
			run, blamed := New(dotenv(test.claims)).Detect(test.ci, trust.DefaultBranches(""), test.real.Get)
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

// If the system does not show which variables the environment had before, a file can name
// a variable of the CI, which then counts as unset. With another variable, the run may
// look like another one both with and without the claims.
func TestHiddenVariables(t *testing.T) {
	all := testenv.Env{"CODEBUILD_BUILD_ID": "shop:1", trust.RefVariable: "refs/pull/7"}
	hidden := testenv.Env{"CI": "false", "CODEBUILD_BUILD_ID": "shop:1"}
	real := testenv.Env{trust.RefVariable: all[trust.RefVariable]}
	with, without := trust.Detect(false, trust.DefaultBranches(""), testenv.With(all, hidden).Get), trust.Detect(false, trust.DefaultBranches(""), real.Get)
	if with.Scope != trust.Local || without.Scope != trust.Local {
		t.Fatalf("got %s and %s: the test tested nothing", with.Scope, without.Scope)
	}
	run, blamed := New(dotenv(hidden)).Detect(false, trust.DefaultBranches(""), real.Get)
	if run.Scope != trust.Untrusted || len(blamed) != 2 {
		t.Errorf("got %s, blaming %v", run.Scope, blamed)
	}
	many := testenv.Env{}
	for _, name := range []string{"TF_BUILD", "GITLAB_CI", "CIRCLECI", "BUILDKITE", "JENKINS_URL", "GITHUB_SHA", "GITHUB_REPOSITORY"} {
		many[name] = "x"
	}
	if run, blamed := New(dotenv(many)).Detect(true, trust.ListedBranches("main"), testenv.MainRun.Get); run.Scope != trust.Untrusted || len(blamed) <= maxMattering {
		t.Errorf("many: got %s, blaming %v", run.Scope, blamed)
	}
}

// A claim must not make this process open a file.
func TestNoClaimNamesAFile(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	real := testenv.With(testenv.MainRun, testenv.Env{"GITHUB_REF_PROTECTED": "false"})
	if run := trust.Detect(true, trust.ListedBranches("main"), testenv.With(real, testenv.Env{EventVariable: event}).Get); run.Scope != trust.Trusted {
		t.Fatalf("got %s from the file: the test tested nothing", run.Scope)
	}
	run, blamed := New(dotenv(testenv.Env{EventVariable: event})).Detect(true, trust.ListedBranches("main"), real.Get)
	if run.Scope != "readonly-main" || len(blamed) > 0 {
		t.Errorf("got %s, blaming %v, want the file not read", run.Scope, blamed)
	}
}

// A file that can hide a variable of the CI can hide the event, which names the default
// branch.
func TestHiddenEvent(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	hidden := testenv.Env{EventVariable: event}
	master := testenv.With(testenv.MainRun, testenv.Env{"GITHUB_REF": "refs/heads/master", "GITHUB_REF_PROTECTED": "true"})
	if run := trust.Detect(true, trust.DefaultBranches(""), testenv.With(master, hidden).Get); run.Scope != "readonly-master" {
		t.Fatalf("got %s with the event", run.Scope)
	}
	run, blamed := New(dotenv(hidden)).Detect(true, trust.DefaultBranches(""), master.Get)
	if run.Scope != trust.Untrusted || len(blamed) != 1 || blamed[0].Name != EventVariable {
		t.Errorf("got %s, blaming %v", run.Scope, blamed)
	}
	// The event may say that this is a fork, so it also matters for listed branches.
	run, blamed = New(dotenv(hidden)).Detect(true, trust.ListedBranches("master"), master.Get)
	if run.Scope != trust.Untrusted || len(blamed) != 1 || blamed[0].Name != EventVariable {
		t.Errorf("listed: got %s, blaming %v", run.Scope, blamed)
	}
}
