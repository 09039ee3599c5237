package causes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
)

const nxJSON = "workspace:[{workspaceRoot}/nx.json,{workspaceRoot}/.gitignore,{workspaceRoot}/.nxignore]"

// workspace is evidence of a checkout in which these files changed.
func workspace(committed ...string) causes.Evidence {
	return causes.Evidence{
		Changes: func(*causes.Run) causes.Changes { return causes.Changes{Committed: committed} },
		Root: func(project string) (string, bool) {
			return map[string]string{"shop": "apps/shop", "words": "libs/words", "@acme/ui": "libs/ui"}[project], true
		},
		LastChange: func(*causes.Run, string) string { return "3f2c1ab" },
	}
}

// Each case has one input that differs between two runs of one task.
func TestInputs(t *testing.T) {
	for name, test := range map[string]struct {
		input    string
		evidence causes.Evidence
		want     string
	}{
		"a file, Nx 24":          {"shop:apps/shop/**/*", workspace("apps/shop/a.ts", "apps/shop2/b.ts"), "project-files shop [apps/shop/a.ts]"},
		"a file, Nx 20":          {"shop:{projectRoot}/**/*,!{projectRoot}/**/*.md", workspace("apps/shop/a.ts", "apps/shop/README.md"), "project-files shop [apps/shop/a.ts]"},
		"an unknown file":        {"shop:apps/shop/**/*", causes.Evidence{}, "project-files shop"},
		"a file of a dependency": {"words:libs/words/**/*", workspace("libs/words/w.json"), "dependency-files words [libs/words/w.json]"},
		"a scoped project":       {"@acme/ui:libs/ui/**/*", workspace("libs/ui/x.css"), "dependency-files @acme/ui [libs/ui/x.css]"},
		"outputs of a dependency": {"**/*.js:dist/words", causes.Evidence{Modified: func([]string, time.Time) []string { return []string{"dist/words/w.js", "dist/words/w.txt"} }},
			"dependency-outputs dist/words [dist/words/w.js]"},
		"an ignored file, Nx 24": {"files:[apps/shop/gen/**/*]", causes.Evidence{Modified: func(folders []string, _ time.Time) []string { return []string{folders[0] + "/stamp.json"} }},
			"ignored-files [apps/shop/gen/stamp.json]"},
		"an ignored file that .nxignore includes": {"shop:apps/shop/**/*,apps/shop/gen/stamp.json", causes.Evidence{Modified: func([]string, time.Time) []string { return []string{"apps/shop/gen/stamp.json"} }},
			"ignored-files shop [apps/shop/gen/stamp.json]"},
		"configuration":          {"shop:ProjectConfiguration", workspace("apps/shop/project.json"), "project-configuration shop [apps/shop/project.json]"},
		"TypeScript":             {"shop:TsConfig", workspace("tsconfig.base.json"), "typescript [tsconfig.base.json]"},
		"all npm packages":       {"AllExternalDependencies", workspace("package-lock.json", "a.txt"), "npm-packages [package-lock.json]"},
		"one npm package":        {"npm:@types/node", workspace(), "npm-packages @types/node"},
		"a variable":             {"env:STAGE", workspace(), "variable STAGE"},
		"a command":              {"runtime:node -v", workspace(), "runtime node -v"},
		"nx.json":                {nxJSON, workspace("nx.json"), "workspace-files [nx.json]"},
		"files of the root":      {"workspace:[{workspaceRoot}/tools/**/*,!{workspaceRoot}/tools/x.md]", workspace("tools/a.js", "tools/x.md"), "workspace-files [tools/a.js]"},
		"a field of a JSON file": {"json:{workspaceRoot}/package.json[version,name]", workspace("package.json"), "json-fields version,name [package.json]"},
		"the folder":             {"cwd:relative", workspace(), "working-directory relative"},
		"arguments":              {"command", workspace(), "command"},
		"something new":          {"future", workspace(), "other-input future"},
	} {
		t.Run(name, func(t *testing.T) {
			here := recordOf("here", 0, "shop:build | 2 | stored | same=1 | words:ProjectConfiguration=1 | @acme/ui:ProjectConfiguration=1 | "+test.input+"=new")
			there := recordOf("there", 60, "shop:build | 1 | stored | same=1 | words:ProjectConfiguration=1 | @acme/ui:ProjectConfiguration=1 | "+test.input+"=old")
			there.Source.Commit = commitB
			got := explain(here, test.evidence, there)
			expectCauses(t, got, test.want)
			if got[0].Against == nil || got[0].Against.Session != "there" {
				t.Errorf("compared with %v", got[0].Against)
			}
		})
	}
}

func TestOperatingSystem(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | runtime:uname=Linux")
	there := recordOf("there", 60, "shop:build | 1 | stored | runtime:uname=Darwin")
	there.OS, there.Arch = "darwin", "arm64"
	got := explain(here, causes.Evidence{}, there)
	expectCauses(t, got, "operating-system uname")
	if text := got[0].Causes[0].Text; !strings.Contains(text, "linux/amd64") || !strings.Contains(text, "darwin/arm64") {
		t.Errorf("the text names no systems: %s", text)
	}
}

func TestOtherInputs(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | a=1 | env:OTHER=1")
	there := recordOf("there", 60, "shop:build | 1 | stored | a=1 | env:OLD=1")
	got := explain(here, causes.Evidence{}, there)
	expectCauses(t, got, "input-list")
	if text := got[0].Causes[0].Text; !strings.Contains(text, "+env:OTHER, -env:OLD") {
		t.Errorf("got %q", text)
	}
	there.Nx = "20.8.4"
	expectCauses(t, explain(here, causes.Evidence{}, there), "nx-version 24.0.6")
}

// A record that others read lacks the inputs of excluded projects, which is no difference.
func TestHiddenInputs(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | a=1 | env:CI=1 | secret:ProjectConfiguration=1 | secret:libs/secret/**/*=1")
	there := recordOf("there", 60, "shop:build | 1 | stored | a=1 | env:CI=2")
	expectCauses(t, explain(here, workspace(), there), "variable CI", "input-list")
	there.Omitted = 1
	expectCauses(t, explain(here, workspace(), there), "variable CI")
	swapped := recordOf("there", 60, "shop:build | 1 | stored | a=1 | env:CI=2 | secret:TsConfig=1")
	here = recordOf("here", 0, "shop:build | 2 | stored | a=1 | env:CI=1")
	expectCauses(t, explain(here, workspace(), swapped), "variable CI", "input-list")
	here.Omitted = 1
	expectCauses(t, explain(here, workspace(), swapped), "variable CI")
	// Inputs of other kinds and of known projects are never hidden.
	here = recordOf("here", 0, "shop:build | 2 | stored | a=1 | npm:ms=1 | shop:ProjectConfiguration=1")
	there = recordOf("there", 60, "shop:build | 1 | stored | a=1")
	there.Omitted = 1
	got := explain(here, workspace(), there)
	expectCauses(t, got, "input-list")
	if len(got[0].Causes[0].Inputs) != 2 {
		t.Errorf("got %q", got[0].Causes[0].Inputs)
	}
}

// What differs may be in a project that stored records leave out.
func TestOnlyHiddenInputs(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | a=1 | secret-lib:ProjectConfiguration=1 | secret-lib:libs/secret/**/*=1")
	there := recordOf("there", 60, "shop:build | 1 | stored | a=1")
	there.Omitted = 2
	got := explain(here, workspace(), there)
	expectCauses(t, got, "unknown-input")
	if text := got[0].Causes[0].Text; !strings.Contains(text, "azure.exclude") || strings.Contains(text, "equal") {
		t.Errorf("got %q", text)
	}
}

// A run that did not make a result tells nothing about storing it.
func TestNothingMade(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | a=1")
	for _, outcome := range []runs.Outcome{runs.LocalHit, runs.NotRun, runs.NotCacheable, runs.OtherOutcome} {
		there := recordOf("there", 60, "shop:build | 1 | "+string(outcome)+" | a=2")
		if got := explain(here, causes.Evidence{}, there); len(got) != 1 || got[0].Causes[0].Kind != causes.FirstTime {
			t.Errorf("%s: got %+v", outcome, got)
		}
	}
	expectCauses(t, explain(here, causes.Evidence{}, recordOf("there", 60, "shop:build | 1 | failed | a=2")), "not-stored failed")
}

// A tag has few bits, so that different values may have equal ones.
func TestNoInputDiffers(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | a=1")
	there := recordOf("there", 60, "shop:build | 1 | stored | a=1")
	expectCauses(t, explain(here, causes.Evidence{}, there), "unknown-input")
	there.Tasks[0].Inputs = nil
	expectCauses(t, explain(here, causes.Evidence{}, there), "unknown-input")
}

// What follows from another cause is none.
func TestImpliedCauses(t *testing.T) {
	for name, test := range map[string]struct {
		inputs   []string
		evidence causes.Evidence
		want     []string
	}{
		"nx.json changes configurations": {[]string{nxJSON, "shop:ProjectConfiguration", "words:ProjectConfiguration"}, workspace("nx.json"), []string{"workspace-files [nx.json]"}},
		".gitignore does not":            {[]string{nxJSON, "shop:ProjectConfiguration"}, workspace(".gitignore"), []string{"project-configuration shop", "workspace-files [.gitignore]"}},
		"project.json is a file":         {[]string{"shop:ProjectConfiguration", "shop:apps/shop/**/*"}, workspace("apps/shop/project.json"), []string{"project-configuration shop [apps/shop/project.json]"}},
		"and others are, too":            {[]string{"shop:ProjectConfiguration", "shop:apps/shop/**/*"}, workspace("apps/shop/project.json", "apps/shop/a"), []string{"project-configuration shop [apps/shop/project.json]", "project-files shop [apps/shop/project.json apps/shop/a]"}},
		"dependencies make outputs":      {[]string{"**/*.js:dist/words", "words:libs/words/**/*"}, workspace("libs/words/w"), []string{"dependency-files words [libs/words/w]"}},
		"variables do not":               {[]string{"**/*.js:dist/words", "env:X"}, workspace(), []string{"dependency-outputs dist/words", "variable X"}},
		"one file, two inputs":           {[]string{"words:libs/words/**/*", "words:libs/words/**/*.json"}, workspace("libs/words/w.json"), []string{"dependency-files words [libs/words/w.json]"}},
	} {
		t.Run(name, func(t *testing.T) {
			line := func(value string) string {
				text := "shop:build | " + value + " | stored | words:TsConfig=1 | words:ProjectConfiguration2=1"
				for _, input := range test.inputs {
					text += " | " + input + "=" + value
				}
				return text
			}
			there := recordOf("there", 60, line("1"), "words:build | 7 | stored")
			there.Source.Commit = commitB
			here := recordOf("here", 0, line("2"))
			here.Tasks = append(here.Tasks, runs.Task{ID: "words:build", Hash: "7", Outcome: runs.RemoteHit})
			expectCauses(t, explain(here, test.evidence, there), test.want...)
		})
	}
}

// The nearest result has the most equal inputs; of those, it is the newest.
func TestNearest(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 9 | stored | a=1 | b=1 | c=1")
	for name, test := range map[string]struct {
		others []*runs.Record
		want   string
	}{
		"most equal":   {[]*runs.Record{recordOf("far", 10, "shop:build | 1 | stored | a=2 | b=2 | c=1"), recordOf("near", 20, "shop:build | 2 | stored | a=2 | b=1 | c=1")}, "near"},
		"newest":       {[]*runs.Record{recordOf("old", 20, "shop:build | 2 | stored | a=2 | b=1 | c=1"), recordOf("new", 10, "shop:build | 1 | stored | a=1 | b=2 | c=1")}, "new"},
		"fewest other": {[]*runs.Record{recordOf("more", 10, "shop:build | 2 | stored | a=1 | b=1 | x=1 | y=1"), recordOf("less", 20, "shop:build | 1 | stored | a=1 | b=1 | x=1")}, "less"},
		"only stored":  {[]*runs.Record{recordOf("failed", 10, "shop:build | 2 | failed | a=2 | b=1 | c=1"), recordOf("hit", 20, "shop:build | 1 | remote-hit | a=2 | b=2 | c=1")}, "hit"},
		"same task":    {[]*runs.Record{recordOf("other", 10, "shop:build:production | 2 | stored | a=2 | b=1 | c=1"), recordOf("same", 20, "shop:build | 1 | stored | a=2")}, "same"},
		"not itself":   {[]*runs.Record{recordOf("here", 10, "shop:build | 2 | stored | a=2 | b=1 | c=1"), recordOf("past", 20, "shop:build | 1 | stored | a=2")}, "past"},
		"not later":    {[]*runs.Record{recordOf("later", -10, "shop:build | 2 | stored | a=2 | b=1 | c=1"), recordOf("past", 20, "shop:build | 1 | stored | a=2")}, "past"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := explain(here, causes.Evidence{}, test.others...); got[0].Against == nil || got[0].Against.Session != test.want {
				t.Errorf("compared with %v, want %s", got[0].Against, test.want)
			}
		})
	}
	pr := recordOf("pr", 10, "shop:build | 2 | stored | a=2 | b=1 | c=1")
	pr.Scope = trust.PullRequest("7")
	expectCauses(t, explain(here, causes.Evidence{}, pr, recordOf("other", 20)), "first-time pr-7")
}

// Each case has a reason that is no input.
func TestReasons(t *testing.T) {
	with := func(line string, change func(*runs.Record)) *runs.Record {
		record := recordOf("here", 0, line)
		if change != nil {
			change(record)
		}
		return record
	}
	past := func(minutes int, line string, change func(*runs.Record)) *runs.Record {
		record := recordOf("past", minutes, line)
		if change != nil {
			change(record)
		}
		return record
	}
	inPR := func(r *runs.Record) { r.Scope = trust.PullRequest("7") }
	reason := func(r *runs.Record) {
		r.Tasks[0].Reason, r.Tasks[0].Diagnostic = "it has 3 GB, more than azure.maxArtifactSize", "NXAC070"
	}
	lookup := func(l runs.Lookup) func(*runs.Record) {
		return func(r *runs.Record) { r.Tasks[0].Lookup, r.Tasks[0].Reason = l, "because" }
	}
	near := past(60, "shop:build | 1 | stored | a=1", nil)
	const miss = "shop:build | 2 | stored | a=2"
	for name, test := range map[string]struct {
		here   *runs.Record
		others []*runs.Record
		want   string
		text   string // that the text has
	}{
		"lookup failed":          {with(miss, lookup(runs.LookupFailed)), []*runs.Record{near}, "lookup-failed", "because"},
		"all requests failed":    {with("shop:build | 2 | not-stored", lookup(runs.LookupFailed)), nil, "lookup-failed", "and then storing the result: because"},
		"damaged":                {with(miss, lookup(runs.LookupDamaged)), []*runs.Record{near}, "damaged", "because"},
		"in the archive tier":    {with("shop:build | 2 | existing", lookup(runs.LookupUnreadable)), []*runs.Record{near}, "unreadable", "cannot be read: because"},
		"verify":                 {with("shop:build | 2 | existing", lookup(runs.LookupVerify)), []*runs.Record{near}, "verify", "the result was the same"},
		"verify, not stored":     {with("shop:build | 2 | not-stored", lookup(runs.LookupVerify)), nil, "verify", "the results were not compared: because"},
		"verify, entry gone":     {with(miss, lookup(runs.LookupVerify)), nil, "verify", "not compared"},
		"verify, failed":         {with("shop:build | 2 | failed", lookup(runs.LookupVerify)), nil, "verify", "the task failed: the stored entry says that it succeeds"},
		"differs, failed":        {with("shop:build | 2 | failed", lookup(runs.LookupDiffers)), nil, "verify", "the task failed: the stored entry says that it succeeds"},
		"differs":                {with(miss, lookup(runs.LookupDiffers)), []*runs.Record{near}, "verify", "another result"},
		"excluded":               {with("shop:build | 2 | excluded", nil), []*runs.Record{near}, "excluded", "azure.exclude"},
		"gone":                   {with(miss, nil), []*runs.Record{past(60, miss, nil), near}, "gone trusted", "2026-11-30 09:01 UTC"},
		"gone, read last":        {with(miss, nil), []*runs.Record{past(60, "shop:build | 2 | remote-hit", nil)}, "gone trusted", "read it"},
		"stored meanwhile":       {with(miss, inPR), []*runs.Record{past(0, miss, nil)}, "exists trusted", "while this one ran"},
		"stored before it could": {with("shop:build | 2 | existing | a=2", nil), []*runs.Record{past(0, miss, nil)}, "exists trusted", "while this one ran"},
		"stored later":           {with(miss, nil), []*runs.Record{past(-10, miss, nil), near}, "other-input a", "a differs"},
		"existing":               {with("shop:build | 2 | existing | a=2", nil), []*runs.Record{past(60, miss, nil)}, "exists", "existed"},
		"stored in pr-7":         {with(miss, nil), []*runs.Record{past(60, miss, inPR), near}, "other-scope pr-7", "this run reads trusted"},
		"too large":              {with(miss, nil), []*runs.Record{past(60, "shop:build | 2 | not-stored", reason), near}, "not-stored not-stored", "azure.maxArtifactSize"},
		"read-only":              {with(miss, nil), []*runs.Record{past(60, "shop:build | 2 | read-only", nil), near}, "not-stored read-only", "only read"},
		"failed":                 {with(miss, nil), []*runs.Record{past(60, "shop:build | 2 | failed", nil), near}, "not-stored failed", "failed"},
		"excluded before":        {with(miss, nil), []*runs.Record{past(60, "shop:build | 2 | excluded", nil), near}, "not-stored excluded", "azure.exclude"},
		"another never stored":   {with(miss, nil), []*runs.Record{past(60, "shop:build | 1 | not-stored", reason)}, "not-stored not-stored", "no earlier run"},
		"first time":             {with(miss, nil), []*runs.Record{past(60, "shop:test | 1 | stored", nil)}, "first-time", "first time"},
		"no records":             {with(miss, nil), nil, "no-records", "no run"},
		"records of others only": {with(miss, nil), []*runs.Record{past(60, "shop:build | 1 | stored", inPR)}, "no-records", "no run"},
	} {
		t.Run(name, func(t *testing.T) {
			got := explain(test.here, causes.Evidence{}, test.others...)
			expectCauses(t, got, test.want)
			if text := got[0].Causes[0].Text; !strings.Contains(text, test.text) {
				t.Errorf("got %q, want one with %q", text, test.text)
			}
		})
	}
	got := explain(with(miss, nil), causes.Evidence{NoRecords: "no permission to list"})
	expectCauses(t, got, "no-records")
	if !strings.Contains(got[0].Causes[0].Text, "no permission to list") {
		t.Errorf("got %q", got[0].Causes[0].Text)
	}
}

// Both runs are of one commit, and an input differs.
func TestUnstable(t *testing.T) {
	evidence := causes.Evidence{
		Changes: func(*causes.Run) causes.Changes {
			return causes.Changes{Uncommitted: []string{"apps/shop/build-info.ts"}}
		},
		Modified: func([]string, time.Time) []string { return []string{"dist/words/w.js", "gen/stamp.json"} },
	}
	for input, want := range map[string]bool{
		"env:BUILD_TIME": true, "**/*.js:dist/words": true, "runtime:date": true, "command": false, "shop:apps/other/**/*": true,
		"files:[gen/**/*]": true, "shop:gen/**/*": true, // git ignores the file
		"shop:apps/shop/**/*": false, "workspace:[{workspaceRoot}/apps/**/*]": false, // a person has edited it
	} {
		here := recordOf("here", 0, "shop:build | 2 | stored | "+input+"=2")
		there := recordOf("there", 60, "shop:build | 1 | stored | "+input+"=1")
		got := explain(here, evidence, there)[0].Causes[0]
		if got.IsUnstable != want {
			t.Errorf("%s: unstable is %v", input, got.IsUnstable)
		}
		there.Source.Commit = commitB
		if explain(here, evidence, there)[0].Causes[0].IsUnstable {
			t.Errorf("%s: two commits are called unstable", input)
		}
	}
}

func TestUnknownCommit(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | shop:apps/shop/**/*=2")
	there := recordOf("there", 60, "shop:build | 1 | stored | shop:apps/shop/**/*=1")
	there.Source.Commit = commitB
	evidence := causes.Evidence{Changes: func(*causes.Run) causes.Changes { return causes.Changes{Problem: "run git fetch --unshallow"} }}
	got := explain(here, evidence, there)
	expectCauses(t, got, "project-files shop")
	if text := got[0].Causes[0].Text; !strings.Contains(text, "git fetch --unshallow") {
		t.Errorf("got %q", text)
	}
}

// What older records may refute is said of those that were read.
func TestNewest(t *testing.T) {
	here := recordOf("here", 0, "shop:build | 2 | stored | a=1", "shop:test | 3 | stored")
	got := explain(here, causes.Evidence{Newest: 7, Since: "2026-11-01"}, recordOf("there", 60, "shop:build | 1 | failed"))
	for i, want := range []string{"no earlier run among the newest 7 of each scope stored", "no record among the newest 7 of each scope has"} {
		if text := got[i].Causes[0].Text; !strings.Contains(text, want) {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}
