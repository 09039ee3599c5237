package trust

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownRepositories are the repositories in testdata/environments.json.
var ownRepositories = []string{"ACME/Shop", "shop/shop", "acme/team/shop", "acme-inc/shop"}

// In every CI, runs of an unlisted repository write nothing, and runs of a listed one keep
// their scope.
func TestOtherRepositories(t *testing.T) {
	seen := make(map[string]bool)
	for _, e := range environments(t) {
		getenv := e.getenv(t)
		before := Detect(e.CI, branchesOf(e), getenv)
		system, _, isCI := strings.Cut(before.Reason, ":")
		if !before.Writes() || !isCI || system == RefVariable {
			continue
		}
		if got := Detect(e.CI, branchesOf(e).OfRepositories("acme/other"), getenv); got.Writes() || got.Scope.Kind() != KindReadOnly ||
			!strings.Contains(got.Fix, "azure.trust.repositories") {
			t.Errorf("%s: got %s (%s; %s) of another repository", e.Name, got.Scope, got.Reason, got.Fix)
		}
		if got := Detect(e.CI, branchesOf(e).OfRepositories(), getenv); got.Writes() {
			t.Errorf("%s: got %s with an empty list of repositories", e.Name, got.Scope)
		}
		got := Detect(e.CI, branchesOf(e).OfRepositories(ownRepositories...), getenv)
		isReported := !strings.Contains(got.Fix, "lists trusted repositories, but") // some recordings lack it
		if isReported && got.Scope != before.Scope {
			t.Errorf("%s: got %s (%s), want %s", e.Name, got.Scope, got.Fix, before.Scope)
		}
		seen[system] = seen[system] || isReported
	}
	for _, known := range systems {
		if !seen[known.name] {
			t.Errorf("no run of %s was tried", known.name)
		}
	}
}

// A fork's own CI is not trusted unless the fork is listed. It does not share the scopes
// of its original's branches and pull requests.
func TestForks(t *testing.T) {
	tried := 0
	for _, e := range environments(t) {
		if e.Env["GITHUB_ACTIONS"] != "true" || e.EventFile == nil || !Detect(e.CI, branchesOf(e), e.getenv(t)).Writes() {
			continue
		}
		before := Detect(e.CI, branchesOf(e), e.getenv(t)).Scope
		tried++
		var event map[string]any
		if err := json.Unmarshal(e.EventFile, &event); err != nil {
			t.Fatal(err)
		}
		repository, _ := event["repository"].(map[string]any)
		if repository == nil {
			repository = make(map[string]any)
		}
		repository["fork"] = true
		event["repository"] = repository
		e.EventFile, _ = json.Marshal(event)
		name := e.Env["GITHUB_REPOSITORY"]
		got := Detect(e.CI, branchesOf(e), e.getenv(t))
		if got.Writes() || !slices.Equal(got.Reads(), []Scope{Trusted}) || !strings.Contains(got.Fix, "the repository "+name+" is a fork") {
			t.Errorf("%s: got %s, %s", e.Name, got.Scope, got.Fix)
		}
		if got := Detect(e.CI, branchesOf(e).OfRepositories(name, "acme/shop"), e.getenv(t)); got.Scope != before {
			t.Errorf("%s: got %s (%s) for a listed fork, want %s", e.Name, got.Scope, got.Reason, before)
		}
	}
	if tried < 5 {
		t.Errorf("only %d runs were tried", tried)
	}
}

// The repositories in the variable and in the event must both be trusted, since a checkout
// can set the variable.
func TestConflictingRepositories(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main", "full_name": "mallory/shop"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_PROTECTED": "true",
		"GITHUB_REPOSITORY": "acme/shop", "GITHUB_EVENT_PATH": event}
	got := Detect(true, ListedBranches("main").OfRepositories("acme/shop"), func(name string) string { return env[name] })
	if got.Writes() || !strings.Contains(got.Fix, "mallory/shop is not in") {
		t.Errorf("got %s, %s", got.Scope, got.Fix)
	}
}

func TestCheckRepository(t *testing.T) {
	for name, isGood := range map[string]bool{
		"acme/shop": true, "group/sub/shop": true, "Some project/shop": true, "a/b.c": true,
		"": false, "shop": false, "acme/": false, "/shop": false, "acme/*": false, "https://github.com/acme/shop": false,
		"git@github.com:acme/shop.git": false, "acme/shop.git": false, "acme//shop": false,
	} {
		if err := CheckRepository(name); (err == nil) != isGood {
			t.Errorf("%q: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		"https://github.com/acme/shop.git": "acme/shop", "git@github.com:acme/shop.git": "acme/shop", "ssh://git@github.com:22/acme/shop": "acme/shop",
		"https://user:token@gitlab.example/group/sub/shop.git/": "group/sub/shop", "acme/shop": "acme/shop", "": "",
	} {
		if got := pathOfURL(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
