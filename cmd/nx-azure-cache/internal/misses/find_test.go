package misses

import (
	"slices"
	"testing"
)

func TestIsRun(t *testing.T) {
	const gitHub, azure = "https://github.com/acme/shop/actions/runs/17", "https://dev.azure.com/acme/shop/_build/results?buildId=99"
	for _, test := range []struct {
		run, named string
		want       bool
	}{
		{gitHub, gitHub, true},
		{gitHub, gitHub + "/", true},
		{gitHub, gitHub + "/attempts/2", true},
		{gitHub, gitHub + "/job/4711", true},
		{gitHub, gitHub + "#summary", true},
		{gitHub, "17", true},
		{gitHub, "7", false},
		{gitHub, gitHub + "5", false},
		{azure, azure, true},
		{azure, azure + "&view=logs", true},
		{azure, "99", true},
		{azure, "9", false},
		{"", "", false},
		{"", gitHub, false},
		{gitHub, "", false},
	} {
		if got := isRun(test.run, test.named); got != test.want {
			t.Errorf("%q, %q: got %v", test.run, test.named, got)
		}
	}
}

func TestVersions(t *testing.T) {
	const lock1 = `{"packages": {"": {"version": "1"}, "apps/shop": {"version": "1"}, "node_modules/shop": {"link": true},
		"node_modules/ms": {"version": "2.1.2"}, "node_modules/@a/b": {"version": "1.0.0"}, "node_modules/old": {"version": "3.0.0"}}}`
	const lock2 = `{"packages": {"": {"version": "2"}, "node_modules/ms": {"version": "2.1.3"}, "node_modules/@a/b": {"version": "1.0.0"}, "node_modules/new": {"version": "1.0.0"}}}`
	const manifest1 = `{"dependencies": {"ms": "^2.1.2", "x": 1}, "devDependencies": {"nx": "24.0.5"}}`
	const manifest2 = `{"dependencies": {"ms": "^2.1.2"}, "devDependencies": {"nx": "24.0.6"}}`
	for _, test := range []struct {
		there, here string
		want        []string
	}{
		{lock1, lock2, []string{"ms 2.1.2 → 2.1.3", "new 1.0.0 (new)", "old 3.0.0 (removed)"}},
		{lock1, lock1, nil},
		{manifest1, manifest2, []string{"nx 24.0.5 → 24.0.6"}},
		{"not JSON", "[]", nil},
		{`{"packages": []}`, `{"dependencies": "x"}`, nil},
	} {
		if got := compareVersions(versionsIn(test.there), versionsIn(test.here)); !slices.Equal(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
