package trust

import (
	"regexp"
	"strings"
	"testing"
)

func TestScopesOfNames(t *testing.T) {
	long := strings.Repeat("x", 101)
	for _, test := range []struct {
		got  Scope
		want string
		kind Kind
	}{
		{PullRequest("12"), "pr-12", KindPullRequest},
		{Branch("feature/login"), "branch-feature_2Flogin", KindBranch},
		{Branch("feature_2Flogin"), "branch-feature_5F2Flogin", KindBranch},
		{Branch("a."), "branch-a_2E", KindBranch},
		{Branch("größe"), "branch-gr_C3_B6_C3_9Fe", KindBranch},
		{Branch(""), "branch-", KindBranch},
		{Tag("v1.2.0"), "tag-v1.2.0", KindTag},
		{Branch(long), "branch-" + long[:60] + "__c675a2e604b0cd1229c036e3ce0c8742", KindBranch},
		{Trusted, "trusted", Kind(Trusted)},
	} {
		if string(test.got) != test.want || test.got.Kind() != test.kind {
			t.Errorf("%s of kind %s, want %s of kind %s", test.got, test.got.Kind(), test.want, test.kind)
		}
	}
}

var segments = regexp.MustCompile(`^[0-9A-Za-z._-]{1,107}$`)

// FuzzScopes checks that no two branches share a scope, that none has the scope of
// something else, and that each scope fits in a blob's name.
func FuzzScopes(f *testing.F) {
	long := strings.Repeat("feature/", 20)
	for _, pair := range [][2]string{
		{"main", "trusted"}, {"a/b", "a_2Fb"}, {"a/b", "a-b"}, {"", "."}, {"..", "_2E_2E"},
		{long, long + "x"}, {long, long[:60]}, {"A", "a"}, {"ä", "\xe4"}, {"pr-1", "1"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if (Branch(a) == Branch(b)) != (a == b) {
			t.Errorf("%q and %q have the scopes %s and %s", a, b, Branch(a), Branch(b))
		}
		if !segments.MatchString(string(Branch(a))) || strings.HasSuffix(string(Branch(a)), ".") {
			t.Errorf("%q has the scope %q", a, Branch(a))
		}
		if Branch(a).Kind() != KindBranch || string(Branch(a)) == string(PullRequest(b)) {
			t.Errorf("%q has the scope %q", a, Branch(a))
		}
	})
}

func TestReads(t *testing.T) {
	for scope, want := range map[Scope]string{
		Trusted: "trusted", Untrusted: "trusted", Shared: "shared", Local: "trusted local",
		PullRequest("1"): "trusted pr-1", Branch("x"): "trusted branch-x", Tag("v1"): "trusted",
	} {
		run := Run{Scope: scope}
		var got []string
		for _, s := range run.Reads() {
			got = append(got, string(s))
		}
		if strings.Join(got, " ") != want || run.Writes() != (scope != Untrusted && scope != Tag("v1")) {
			t.Errorf("%s reads %v and writes: %v", scope, got, run.Writes())
		}
	}
}
