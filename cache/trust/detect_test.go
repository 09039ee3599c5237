package trust

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// environment is a run of a CI as it describes itself.
type environment struct {
	Name, Source string
	CI           bool
	Branches     Branches
	Env          map[string]string
	EventFile    json.RawMessage // of GITHUB_EVENT_PATH
	Expect       struct{ Scope Scope }
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

func TestEnvironments(t *testing.T) {
	seen := make(map[Kind]int)
	for _, e := range environments(t) {
		t.Run(e.Name, func(t *testing.T) {
			branches := e.Branches
			if branches == nil {
				branches = DefaultBranches("")
			}
			got := Detect(e.CI, branches, e.getenv(t))
			if got.Scope != e.Expect.Scope {
				t.Errorf("got %s (%s), want %s; see %s", got.Scope, got.Reason, e.Expect.Scope, e.Source)
			}
			if got.Reason == "" || strings.ContainsFunc(got.Reason, func(r rune) bool { return r < ' ' }) {
				t.Errorf("got the reason %q", got.Reason)
			}
			seen[got.Scope.Kind()]++
		})
	}
	for _, kind := range append(Kinds(), KindTag, Kind(Untrusted)) {
		if seen[kind] == 0 {
			t.Errorf("no environment has the scope %s", kind)
		}
	}
}

// Whatever CI there is besides: who is not in CI is a developer.
func TestNotInCI(t *testing.T) {
	for _, e := range environments(t) {
		if got := Detect(false, DefaultBranches(""), e.getenv(t)); got.Scope != Local || got.Reason != "not in CI" {
			t.Fatalf("%s: got %+v, want %s", e.Name, got, Local)
		}
	}
}

func TestDefaultBranches(t *testing.T) {
	for base, want := range map[string]string{
		"": "main master", "main": "main", "develop": "develop", "origin/main": "main", "refs/heads/next": "next",
	} {
		if got := strings.Join(DefaultBranches(base), " "); got != want {
			t.Errorf("%q: got %s, want %s", base, got, want)
		}
	}
}

func TestBranches(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"main", "main", true}, {"main", "Main", false}, {"main", "main2", false}, {"main", "x/main", false},
		{"release/*", "release/1", true}, {"release/*", "release/1/2", false}, {"release/**", "release/1/2", true},
		{"release/*", "release", false}, {"*", "main", true}, {"*", "a/b", false}, {"**", "a/b", true},
		{"{main,next}", "next", true}, {"v[0-9]", "v1", true}, {"v[0-9]", "vx", false}, {"a{b", "a{b", true},
	} {
		if got := (Branches{"other", test.pattern}).match(test.name); got != test.want {
			t.Errorf("%s matches %s: %v", test.pattern, test.name, got)
		}
	}
	for _, pattern := range []string{"", "[", "a{b"} {
		if CheckBranch(pattern) == nil {
			t.Errorf("%q is allowed", pattern)
		}
	}
}

// FuzzDetect: whatever a CI says, a run is trusted only if it says that it is about
// a branch that is.
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
		got := Detect(true, Branches{"main"}, func(name string) string { return env[name] })
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
