package runs_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// What others read names no private task, and no project that has private tasks only.
func TestShared(t *testing.T) {
	r := sample()
	r.Inputs = nil
	for _, name := range []string{"shop:shop/**/*", "shop:ProjectConfiguration", "secret:ProjectConfiguration", "secret:{projectRoot}/**/*", "secret",
		"@acme/secret:TsConfig", "env:secret", "npm:secret", "secrets:secrets/**/*", "a:b:src/**/*", "env:CI"} {
		r.Inputs = append(r.Inputs, runs.Input{Name: name, Tag: 1})
	}
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	r.Tasks = []runs.Task{
		{ID: "secret:build", IsPrivate: true, Outcome: runs.Excluded, Inputs: all},
		{ID: "shop:build:production", Outcome: runs.Stored, Inputs: all},
		{ID: "shop:deploy:production", IsPrivate: true, Outcome: runs.Excluded},
		{ID: "@acme/secret:build", IsPrivate: true, Outcome: runs.NotRun},
		{ID: "a:b:build", IsPrivate: true, Outcome: runs.Failed},
		{ID: "a:test", Outcome: runs.Stored},
		{ID: "shop:test", Outcome: runs.Stored, Inputs: []int{2, -1, 99}}, // which readers reject
	}
	before := *r
	before.Tasks = slices.Clone(r.Tasks)
	got := r.Shared()
	if !reflect.DeepEqual(*r, before) || !slices.Equal(all, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) {
		t.Error("the record has changed")
	}
	var ids, names []string
	for _, task := range got.Tasks {
		ids = append(ids, task.ID)
	}
	for _, input := range got.Tasks[0].Inputs {
		names = append(names, got.Inputs[input].Name)
	}
	if want := []string{"shop:build:production", "a:test", "shop:test"}; !slices.Equal(ids, want) {
		t.Errorf("got the tasks %q, want %q", ids, want)
	}
	if want := []string{"shop:shop/**/*", "shop:ProjectConfiguration", "secret", "env:secret", "npm:secret", "secrets:secrets/**/*", "env:CI"}; !slices.Equal(names, want) {
		t.Errorf("got the inputs %q, want %q", names, want)
	}
	if got.Excluded != 4 || got.Omitted != r.Omitted+4 {
		t.Errorf("got %d excluded, %d omitted", got.Excluded, got.Omitted)
	}
	for _, input := range decode(t, encode(t, got)).Inputs {
		if !slices.Contains(names, input.Name) {
			t.Errorf("the stored record has the input %q", input.Name)
		}
	}
}

// Values that may be secrets have tags of 8 bits.
func TestTagsOfSecrets(t *testing.T) {
	for name, most := range map[string]uint16{"command": 0xFF, "cwd:relative": 0xFF, "env:A": 0xFF, "runtime:node -v": 0xFF, "commands:src/**/*": 0xFFFF} {
		seen := uint16(0)
		for i := range 64 {
			seen |= runs.Tag(name, string(rune('a'+i)))
		}
		if seen != most {
			t.Errorf("the tags of %s have the bits %x, want %x", name, seen, most)
		}
	}
}
