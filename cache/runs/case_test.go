package runs_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// variants are fields whose names differ from checked ones in their case only, which package
// json ignores. They come after the checked ones, or before them.
var variants = []map[string]any{
	{"Tasks": []any{map[string]any{"id": "\x1b[2J", "hash": "$(curl x)", "outcome": "stored", "diagnostic": "$(x)", "inputs": []int{-1}}}},
	{"TASKS": []any{map[string]any{"inputs": []int{-1, 99}}}, "tasks": []any{}},
	{"ta\u017fks": []any{map[string]any{"id": "x", "hash": "../x"}}},
	{"Inputs": []any{[]any{"\x1b[2J", 1}}, "INPUTS": []any{[]any{"env:X", 9}}},
	{"inputs": nil, "Inputs": []any{[]any{"a", 1}, []any{"b", 1}, []any{"c", 1}}, "tasks": []any{}},
	{"Totals": map[string]any{"Hits": -1, "hits": -2}, "Source": map[string]any{"Commit": "\x1b[2J", "commit": "\n"}},
	{"Nx": "\x1b[2J", "OS": "\x1b[2J", "Arch": "\x1b[2J", "Tool": "\x1b[2J"},
	{"tasks": []any{task(map[string]any{"ID": "\x1b[2J", "From": "../x", "Hash": "2", "Diagnostic": "$(x)", "Lookup": "\x1b", "Inputs": []int{0}})}},
}

// A name in another case gets nothing past a check.
func TestCaseOfNames(t *testing.T) {
	sound := decode(t, body(t, nil))
	for _, changes := range variants {
		record, err := runs.Decode(body(t, changes))
		if err != nil {
			t.Errorf("%v: got %v", changes, err)
			continue
		}
		checkDecode(t, body(t, changes))
		if _, ok := changes["tasks"]; !ok && !reflect.DeepEqual(record.Tasks, sound.Tasks) {
			t.Errorf("%v: got the tasks %+v", changes, record.Tasks)
		}
		if _, ok := changes["inputs"]; !ok && !slices.Equal(record.Inputs, sound.Inputs) {
			t.Errorf("%v: got the inputs %v", changes, record.Inputs)
		}
		if got := record.Totals; got.Hits < 0 {
			t.Errorf("%v: got %+v", changes, got)
		}
	}
	for name, changes := range map[string]map[string]any{
		"ascending": tasks(task(map[string]any{"Inputs": []int{-1}})),
		"hash is":   tasks(map[string]any{"id": "a", "HASH": "../x", "outcome": "stored"}),
		"session":   {"Session": "../x", "session": nil},
		"mode":      {"MODE": "delete", "mode": nil},
	} {
		if _, err := runs.Decode(body(t, changes)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: got %v, want an error about %s", changes, err, name)
		}
	}
}
