package trust

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// environment is a recorded CI run.
type environment struct {
	Name, Source string
	CI           bool
	DefaultBase  string
	Branches     []string
	// Open are variables that this run does not set, and whose addition Detect cannot
	// notice.
	Open      []string
	Env       map[string]string
	EventFile json.RawMessage // content of the file in GITHUB_EVENT_PATH
	Expect    struct{ Scope Scope }
}

func environments(t testing.TB) (all []environment) {
	t.Helper()
	data, err := os.ReadFile("testdata/environments.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &all); err != nil || len(all) < 100 {
		t.Fatalf("got %d environments, %v", len(all), err)
	}
	return all
}

func (e environment) getenv(t *testing.T) func(string) string {
	if e.EventFile != nil {
		path := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(path, e.EventFile, 0o600); err != nil {
			t.Fatal(err)
		}
		e.Env["GITHUB_EVENT_PATH"] = path
	}
	return func(name string) string { return e.Env[name] }
}

func branchesOf(e environment) Branches {
	if e.Branches == nil {
		return DefaultBranches(e.DefaultBase)
	}
	return ListedBranches(e.Branches...)
}

func TestEnvironments(t *testing.T) {
	seen := make(map[Kind]int)
	for _, e := range environments(t) {
		t.Run(e.Name, func(t *testing.T) {
			got := Detect(e.CI, branchesOf(e), e.getenv(t))
			if got.Scope != e.Expect.Scope {
				t.Errorf("got %s (%s), want %s; see %s", got.Scope, got.Reason, e.Expect.Scope, e.Source)
			}
			if got.Reason == "" || strings.ContainsFunc(got.Reason, func(r rune) bool { return r < ' ' }) {
				t.Errorf("got the reason %q", got.Reason)
			}
			seen[got.Scope.Kind()]++
		})
	}
	for _, kind := range append(Kinds(), KindTag, KindReadOnly, Kind(Untrusted)) {
		if seen[kind] == 0 {
			t.Errorf("no environment has the scope %s", kind)
		}
	}
}

func TestNotInCI(t *testing.T) {
	for _, env := range []map[string]string{{}, {"CI": "false"}, {RefVariable: "refs/heads/main"}, {"GITHUB_REF": "refs/heads/main"}} {
		got := Detect(false, DefaultBranches(""), func(name string) string { return env[name] })
		if got.Scope != Local || got.Reason != "not in CI" {
			t.Errorf("%v: got %+v, want %s", env, got, Local)
		}
	}
}

// A pull request can add a .env file. Nx reads unset variables from it, and Azure
// Pipelines does not set CI.
func TestDotEnvCannotHideTheCI(t *testing.T) {
	for _, e := range environments(t) {
		if e.Expect.Scope == Local || !e.CI {
			continue
		}
		got := Detect(false, branchesOf(e), e.getenv(t))
		isKnown := slices.ContainsFunc(systems, func(s system) bool { return s.isHere(e.getenv(t)) })
		if isKnown && got.Scope != e.Expect.Scope {
			t.Errorf("%s: got %s (%s) with CI=false, want %s", e.Name, got.Scope, got.Reason, e.Expect.Scope)
		}
	}
}

// The variables of another CI make a run neither trusted nor that of another pull
// request.
func TestDotEnvCannotAddACI(t *testing.T) {
	for _, added := range []map[string]string{
		{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_PROTECTED": "true"},
		{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/99/merge"},
		{"TF_BUILD": "True", "BUILD_REASON": "IndividualCI", "BUILD_SOURCEBRANCH": "refs/heads/main"},
		{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_PROTECTED": "true"},
		{"CIRCLECI": "true", "CIRCLE_BRANCH": "main"},
		{"BUILDKITE": "true", "BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST": "false"},
		{"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_BRANCH": "main"},
		{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "BRANCH_NAME": "main"},
	} {
		for _, e := range environments(t) {
			real := e.getenv(t)
			isHere := func(s system) bool { return s.isHere(real) }
			isAdded := func(s system) bool { return s.isHere(func(name string) string { return added[name] }) }
			if here := slices.IndexFunc(systems, isHere); here < 0 || here == slices.IndexFunc(systems, isAdded) {
				continue
			}
			got := Detect(true, branchesOf(e), func(name string) string { return cmp.Or(real(name), added[name]) })
			if got.Scope != e.Expect.Scope && got.Scope != Untrusted {
				t.Errorf("%s with %v: got %s (%s), want %s or %s", e.Name, added, got.Scope, got.Reason, e.Expect.Scope, Untrusted)
			}
			if got.Scope != e.Expect.Scope && got.Fix == "" {
				t.Errorf("%s with %v: got no fix", e.Name, added)
			}
		}
	}
}

// A .env file can add variables that the CI sets only for other kinds of runs.
func TestDotEnvCannotAddABranch(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want Scope
	}{
		"Jenkins, freestyle":           {map[string]string{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "GIT_BRANCH": "origin/x", "BRANCH_NAME": "main"}, Untrusted},
		"Jenkins, detached":            {map[string]string{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "GIT_BRANCH": "detached", "BRANCH_NAME": "main"}, Untrusted},
		"Jenkins, multibranch":         {map[string]string{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "GIT_BRANCH": "main", "BRANCH_NAME": "main"}, Trusted},
		"Jenkins, multibranch, origin": {map[string]string{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "GIT_BRANCH": "origin/main", "BRANCH_NAME": "main"}, Trusted},
		"Jenkins, freestyle, main":     {map[string]string{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "GIT_BRANCH": "origin/main", "BRANCH_NAME": "origin/main"}, Untrusted},
		"GitLab, a tag": {map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1", "CI_COMMIT_BRANCH": "main",
			"CI_DEFAULT_BRANCH": "main"}, Tag("v1")},
		"Bitbucket, a tag": {map[string]string{"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_TAG": "v1", "BITBUCKET_BRANCH": "main"}, Tag("v1")},
	} {
		if got := Detect(true, DefaultBranches(""), func(name string) string { return test.env[name] }); got.Scope != test.want {
			t.Errorf("%s: got %s (%s), want %s", name, got.Scope, got.Reason, test.want)
		}
	}
}

func TestDefaultBranches(t *testing.T) {
	for _, test := range []struct{ base, reported, want string }{
		{"", "", "main master"}, {"main", "", "main"}, {"develop", "", "develop"}, {"origin/main", "", "main"}, {"refs/heads/next", "", "next"},
		{"", "main", "main"}, {"", "trunk", "trunk"}, {"main", "main", "main"}, {"develop", "main", ""}, {"main", "develop", ""},
	} {
		var got []string
		for _, name := range []string{"develop", "main", "master", "next", "trunk"} {
			if DefaultBranches(test.base).match(name, func() string { return test.reported }) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}

func TestListedBranches(t *testing.T) {
	reported := func() string { return "other" } // the list overrides the CI
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"main", "main", true}, {"main", "Main", false}, {"main", "main2", false}, {"main", "x/main", false},
		{"release/*", "release/1", true}, {"release/*", "release/1/2", false}, {"release/**", "release/1/2", true},
		{"release/*", "release", false}, {"*", "main", true}, {"*", "a/b", false}, {"**", "a/b", true},
		{"{main,next}", "next", true}, {"v[0-9]", "v1", true}, {"v[0-9]", "vx", false}, {"a{b", "a{b", true},
	} {
		if got := ListedBranches("another", test.pattern).match(test.name, reported); got != test.want {
			t.Errorf("%s matches %s: %v", test.pattern, test.name, got)
		}
	}
	if ListedBranches().match("other", reported) {
		t.Error("an empty list trusts a branch")
	}
	for _, pattern := range []string{"", "[", "a{b"} {
		if CheckBranch(pattern) == nil {
			t.Errorf("%q is allowed", pattern)
		}
	}
}

// FuzzDetect checks that a run is trusted only if its variables name a trusted branch.
func FuzzDetect(f *testing.F) {
	for _, e := range environments(f) {
		text, err := json.Marshal(e.Env)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var env map[string]string
		if json.Unmarshal([]byte(text), &env) != nil {
			t.Skip("not an environment")
		}
		delete(env, "GITHUB_EVENT_PATH") // reads files
		got := Detect(true, ListedBranches("main"), func(name string) string { return env[name] })
		if got.Scope == Local || got.Scope == Shared {
			t.Errorf("got %+v", got)
		}
		if got.Scope == Trusted && !strings.Contains(text, "main") {
			t.Errorf("%s is trusted (%s)", text, got.Reason)
		}
		if strings.ContainsFunc(got.Reason, func(r rune) bool { return r < ' ' }) {
			t.Errorf("got the reason %q", got.Reason)
		}
		for _, field := range []string{got.Provenance.Repository, got.Provenance.Ref, got.Provenance.Commit, got.Provenance.Run} {
			if len(field) > maxProvenance {
				t.Errorf("got %d bytes", len(field))
			}
		}
	})
}
