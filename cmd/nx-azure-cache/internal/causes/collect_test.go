package causes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
)

// A record that was never encoded has an input for each value, and some have equal tags.
func TestEqualInputs(t *testing.T) {
	here := recordOf("here", 0)
	command, variable := runs.Input{Name: "command", Tag: 5}, runs.Input{Name: "env:A", Tag: 6}
	here.Inputs = []runs.Input{command, variable, command, {Name: "b", Tag: 1}, command}
	here.Tasks = []runs.Task{
		{ID: "shop:build", Hash: "21", Outcome: runs.Stored, Inputs: []int{0, 1, 3}},
		{ID: "shop:test", Hash: "22", Outcome: runs.Stored, Inputs: []int{1, 2, 3}},
		{ID: "shop:lint", Hash: "23", Outcome: runs.Stored, Inputs: []int{0, 1, 3, 4}},
	}
	there := recordOf("there", 60)
	there.Inputs = []runs.Input{{Name: "b", Tag: 1}, command, {Name: "env:A", Tag: 7}}
	for i, task := range here.Tasks {
		there.Tasks = append(there.Tasks, runs.Task{ID: task.ID, Hash: fmt.Sprint(i), Outcome: runs.Stored, Inputs: []int{0, 1, 2}})
	}
	explained := explain(here, causes.Evidence{}, there)
	if len(explained) != 3 {
		t.Fatalf("got %d explanations", len(explained))
	}
	for _, explanation := range explained {
		expectCauses(t, []causes.Explanation{explanation}, "variable A")
	}
}

// A run that reads an entry tells nothing about who stored it: it may be the run that is
// explained.
func TestReaders(t *testing.T) {
	const miss, hit = "shop:build | 2 | stored | a=2", "shop:build | 2 | remote-hit | a=2"
	near := recordOf("near", 60, "shop:build | 1 | stored | a=1")
	reader := func(minutes int, line string, scope, from trust.Scope) *runs.Record {
		record := recordOf("reader", minutes, line)
		record.Scope, record.Tasks[0].From = scope, from
		return record
	}
	pr7, pr9 := trust.PullRequest("7"), trust.PullRequest("9")
	for name, test := range map[string]struct {
		scope trust.Scope // of the run
		other *runs.Record
		want  string
	}{
		"of its entry, at the same time":      {trust.Trusted, reader(0, hit, trust.Trusted, trust.Trusted), "other-input a"},
		"of an entry that does not tell":      {trust.Trusted, reader(0, hit, trust.Trusted, ""), "other-input a"},
		"of an entry of another scope":        {pr7, reader(0, hit, pr7, trust.Trusted), "other-input a"},
		"a pull request":                      {trust.Trusted, reader(0, hit, pr9, trust.Trusted), "other-input a"},
		"a pull request, before":              {trust.Trusted, reader(60, hit, pr9, trust.Trusted), "other-input a"},
		"a pull request, from somewhere":      {trust.Trusted, reader(60, hit, pr9, ""), "other-input a"},
		"a pull request, of its own entry":    {trust.Trusted, reader(60, hit, pr9, pr9), "other-scope pr-9"},
		"before":                              {trust.Trusted, reader(60, hit, trust.Trusted, trust.Trusted), "gone trusted"},
		"before, of an entry that is unknown": {trust.Trusted, reader(60, hit, trust.Trusted, ""), "gone trusted"},
		"before, of another scope":            {pr7, reader(60, hit, pr7, trust.Trusted), "gone trusted"},
		"it found its result":                 {trust.Trusted, reader(0, "shop:build | 2 | existing | a=2", trust.Trusted, ""), "other-input a"},
		"two stored, which cannot be":         {trust.Trusted, reader(0, miss, trust.Trusted, ""), "other-input a"},
	} {
		here := recordOf("here", 0, miss)
		here.Scope = test.scope
		t.Run(name, func(t *testing.T) { expectCauses(t, explain(here, causes.Evidence{}, near, test.other), test.want) })
	}
}

// An unknown hash equals no other.
func TestEmptyHash(t *testing.T) {
	here := recordOf("here", 0, "shop:build |  | failed | a=2")
	expectCauses(t, explain(here, causes.Evidence{}, recordOf("there", 60, "shop:lint |  | stored | a=1", "shop:build |  | stored | a=1")), "other-input a")
}

// A comparison keeps few names of other records.
func TestManyInputs(t *testing.T) {
	line := func(hash, prefix string, more int) string {
		var b strings.Builder
		b.WriteString("shop:build | " + hash + " | stored | a=1")
		for i := range more {
			fmt.Fprintf(&b, " | %s%06d=1", prefix, i)
		}
		return b.String()
	}
	got := explain(recordOf("here", 0, line("2", "here", 150)), causes.Evidence{}, recordOf("there", 60, line("1", "there", 2000)))
	expectCauses(t, got, "input-list")
	cause := got[0].Causes[0]
	if len(cause.Inputs) != 200 || cause.OmittedInputs != 50+1900 || !slices.IsSorted(cause.Inputs) {
		t.Errorf("got %d inputs, %d omitted", len(cause.Inputs), cause.OmittedInputs)
	}
	if !strings.HasSuffix(cause.Text, "and 2145 more") {
		t.Errorf("got %q", cause.Text)
	}
}

// A project may be called like a kind of input.
func TestNamesOfProjects(t *testing.T) {
	for _, project := range []string{"env", "npm", "json", "files", "workspace", "runtime", "cwd"} {
		for _, own := range []string{project, "shop"} {
			want := "dependency-files " + project
			if own == project {
				want = "project-files " + project
			}
			for _, list := range []string{"libs/env/**/*", "{projectRoot}/**/*,!{projectRoot}/**/*.md"} {
				line := " | stored | " + project + ":ProjectConfiguration=1 | " + project + ":" + list + "="
				here, there := recordOf("here", 0, own+":build | 2"+line+"2"), recordOf("there", 60, own+":build | 1"+line+"1")
				expectCauses(t, explain(here, causes.Evidence{}, there), want)
			}
		}
	}
	for name, want := range map[string]string{
		"env:STAGE": "variable STAGE", "npm:@types/node": "npm-packages @types/node", "npm:ms": "npm-packages ms", "cwd:relative": "working-directory relative",
		"runtime:node tools/x.js *.js": "runtime node tools/x.js *.js", "runtime:tools/x.sh": "runtime tools/x.sh", "files:[gen/**/*]": "ignored-files",
		"workspace:[{workspaceRoot}/tools/**/*]": "workspace-files", "json:{workspaceRoot}/package.json[version]": "json-fields version",
	} {
		project, _, _ := strings.Cut(name, ":")
		line := " | stored | " + project + ":ProjectConfiguration=1 | " + name + "="
		expectCauses(t, explain(recordOf("here", 0, "shop:build | 2"+line+"2"), causes.Evidence{}, recordOf("there", 60, "shop:build | 1"+line+"1")), want)
	}
}

// The commit of a record is any string.
func TestCommitsOfRuns(t *testing.T) {
	for commit, want := range map[string]string{commitA: " at aaaaaaaaa ", "": " UTC https", "$(curl evil)": " UTC https", "aaaaaaaaa": " UTC https"} {
		record := recordOf("1", 0)
		record.Source.Commit = commit
		if got := causes.RunOf(record).String(); !strings.Contains(got, want) || strings.Contains(got, "curl") {
			t.Errorf("%q: got %q", commit, got)
		}
	}
}
