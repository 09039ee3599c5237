package trust

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// unnoticed are variables that a branch's run in these CIs does not set, and that
// contradict nothing if they are added. Detect then takes the run for a pull request's.
// The caller closes this gap: it ignores variables that .env files set.
var unnoticed = map[string][]string{
	"CircleCI":            {"CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS"},
	"Bitbucket Pipelines": {"BITBUCKET_PR_ID"},
	// All but CHANGE_ID, in projects that are not multibranch.
	"Jenkins": jenkinsPulls[1:],
}

// addition is a variable that a .env file sets because the CI does not.
type addition struct{ name, value string }

// attacks are values that an attacker would write.
var attacks = []string{
	"99", "012", "+12", "12 ", "refs/pull/99/merge", "refs/pull/12/merge", "refs/heads/main", "refs/tags/99", "refs/merge-requests/99/head",
	"pull/99", "PR-99", "origin/main", "origin/pr/99/merge", "https://github.com/acme/shop/pull/99", "main", "true", "\x1b[2J\u202e",
}

// dictionary maps each variable that Detect reads to its values in the recorded
// environments.
func dictionary(all []environment) map[string][]string {
	values := make(map[string][]string)
	for _, e := range all {
		Detect(e.CI, branchesOf(e), func(name string) string {
			values[name] = nil
			return e.Env[name]
		})
	}
	// Detect would read a file of the attacker's choice. No test does that.
	delete(values, "GITHUB_EVENT_PATH")
	for _, e := range all {
		for name, value := range e.Env {
			if known, isRead := values[name]; isRead && !slices.Contains(known, value) {
				values[name] = append(known, value)
			}
		}
	}
	maps.DeleteFunc(values, func(name string, _ []string) bool { return slices.Contains(provenance, name) })
	return values
}

// provenance are the variables that only say where an entry comes from.
var provenance = []string{
	"BITBUCKET_COMMIT", "BITBUCKET_REPO_FULL_NAME", "BUILDKITE_BUILD_URL", "BUILDKITE_COMMIT", "BUILDKITE_REPO", "BUILD_BUILDID", "BUILD_REPOSITORY_NAME",
	"BUILD_SOURCEVERSION", "BUILD_URL", "CIRCLE_BUILD_URL", "CIRCLE_PROJECT_REPONAME", "CIRCLE_PROJECT_USERNAME", "CIRCLE_SHA1", "CI_COMMIT_SHA",
	"CI_JOB_URL", "CI_PIPELINE_URL", "CI_PROJECT_PATH", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_SHA", "GIT_COMMIT", "GIT_URL",
	"SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT",
}

// withEvents writes the event files of the environments.
func withEvents(t testing.TB, all []environment) []environment {
	folder := t.TempDir()
	for i, e := range all {
		if e.EventFile == nil {
			continue
		}
		path := filepath.Join(folder, strings.Map(onlyLetters, e.Name))
		if err := os.WriteFile(path, e.EventFile, 0o600); err != nil {
			t.Fatal(err)
		}
		all[i].Env["GITHUB_EVENT_PATH"] = path
	}
	return all
}

func onlyLetters(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return '_'
}

// systemOf returns the CI of an environment. ok is false for an unknown CI.
func (e environment) systemOf() (name string, ok bool) {
	for _, s := range systems {
		if s.isHere(func(name string) string { return e.Env[name] }) {
			return s.name, true
		}
	}
	return "", false
}

// canNotice reports whether Detect can notice that a variable was added.
func (e environment) canNotice(name string) bool {
	system, isKnown := e.systemOf()
	isPull := e.Expect.Scope.Kind() == KindPullRequest
	switch {
	case !isKnown:
		return e.Env[RefVariable] != "" // otherwise nothing identifies the run
	case slices.Contains(e.Open, name):
		return false
	default:
		return isPull || !slices.Contains(unnoticed[system], name)
	}
}

// checkAdditions checks that variables which the CI does not set give a run no more
// rights. The run must keep its scope, or get one that it cannot write. In the second
// case it must read only the trusted scope.
func checkAdditions(t *testing.T, e environment, additions []addition) {
	added := make(map[string]string)
	for _, a := range additions {
		if e.Env[a.name] == "" && e.canNotice(a.name) {
			added[a.name] = a.value
		}
	}
	got := Detect(e.CI, branchesOf(e), func(name string) string {
		if value := e.Env[name]; value != "" {
			return value
		}
		return added[name]
	})
	if got.Scope != e.Expect.Scope && (got.Writes() || !slices.Equal(got.Reads(), []Scope{Trusted})) {
		t.Errorf("%s with %q: got %s (%s), want %s, or a scope that no run writes", e.Name, added, got.Scope, got.Reason, e.Expect.Scope)
	}
	checkRun(t, got)
}

var scopeNames = regexp.MustCompile(`^[0-9A-Za-z._-]{1,120}$`)

// checkRun checks that a run's lines are printable and its scope fits in a blob's name.
func checkRun(t *testing.T, run Run) {
	if !scopeNames.MatchString(string(run.Scope)) || strings.HasSuffix(string(run.Scope), ".") {
		t.Errorf("got the scope %q", run.Scope)
	}
	if number, isPull := strings.CutPrefix(string(run.Scope), "pr-"); isPull && !numbers.MatchString(number) {
		t.Errorf("got the scope %q", run.Scope)
	}
	for _, line := range []string{run.Reason, run.Fix} {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("got the line %q", line)
		}
	}
	if run.Reason == "" {
		t.Error("got no reason")
	}
}

// In every CI, a .env file that sets one variable gives a run no more rights.
func TestOneAdditionGivesNoRights(t *testing.T) {
	all := withEvents(t, environments(t))
	all = slices.DeleteFunc(all, func(e environment) bool {
		return e.Expect.Scope == Local // a developer may imitate any CI
	})
	for name, values := range dictionary(all) {
		for _, value := range append(values, attacks...) {
			for _, e := range all {
				checkAdditions(t, e, []addition{{name, value}})
			}
		}
	}
}

// Detect does not notice these variables. If this test fails, the list above is too long.
func TestUnnoticedAdditions(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		want Scope
	}{
		{map[string]string{"CIRCLECI": "true", "CIRCLE_BRANCH": "x", "CIRCLE_PULL_REQUEST": "https://github.com/acme/shop/pull/99"}, PullRequest("99")},
		{map[string]string{"BITBUCKET_BUILD_NUMBER": "1", "BITBUCKET_BRANCH": "x", "BITBUCKET_PR_ID": "99"}, PullRequest("99")},
		{map[string]string{"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "GIT_BRANCH": "origin/x", "ghprbPullId": "99"}, PullRequest("99")},
		{map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_PROTECTED": "true"}, Trusted},
	} {
		got := Detect(true, DefaultBranches(""), func(name string) string { return test.env[name] })
		if got.Scope != test.want {
			t.Errorf("%v: got %s (%s)", test.env, got.Scope, got.Reason)
		}
	}
}

// FuzzAdditions checks that no set of added variables gives a run more rights. Each pair
// of bytes selects a variable and a known value. A larger byte selects text.
func FuzzAdditions(f *testing.F) {
	all := withEvents(f, environments(f))
	values := dictionary(all)
	names := slices.Sorted(maps.Keys(values))
	for i := range all {
		f.Add(i, []byte{byte(i), byte(3 * i), byte(5 * i), byte(7 * i)}, "99")
	}
	f.Fuzz(func(t *testing.T, i int, pairs []byte, text string) {
		if i < 0 || i >= len(all) || all[i].Expect.Scope == Local || len(pairs) > 64 {
			t.Skip("no such environment")
		}
		var additions []addition
		for pair := range slices.Chunk(pairs, 2) {
			name, value := names[int(pair[0])%len(names)], text
			known := append(values[name], attacks...)
			if last := int(pair[len(pair)-1]); last < len(known) {
				value = known[last]
			}
			additions = append(additions, addition{name, value})
		}
		checkAdditions(t, all[i], additions)
	})
}
