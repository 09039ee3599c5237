package runs_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

var areas = []string{"checkout", "catalog", "account", "search", "orders", "billing", "shared", "admin"}

// workspace is the record of a run of four targets in each of some projects. Each task has
// its own inputs, those of the workspace and those of twelve dependencies: about 45.
func workspace(projects int) *runs.Record {
	random := rand.New(rand.NewPCG(1, 2))
	r := sample()
	r.Omitted, r.Inputs, r.Tasks = 0, nil, nil
	index := make(map[string]int)
	input := func(name string) int {
		i, ok := index[name]
		if !ok {
			i = len(r.Inputs)
			index[name] = i
			r.Inputs = append(r.Inputs, runs.Input{Name: name, Tag: runs.Tag(name, fmt.Sprint(random.Uint64()))})
		}
		return i
	}
	name := func(i int) string { return fmt.Sprintf("%s-%s-%d", areas[i%8], []string{"ui", "data", "util"}[i%3], i) }
	for i := range projects {
		dependencies := []int{i}
		for range min(i, 12) {
			dependencies = append(dependencies, random.IntN(i))
		}
		for _, target := range []string{"build", "test", "lint", "typecheck"} {
			var inputs []int
			for _, global := range []string{"AllExternalDependencies", "env:NX_CLOUD_ENCRYPTION_KEY", "runtime:node --version",
				"workspace:[{workspaceRoot}/nx.json,{workspaceRoot}/.gitignore,{workspaceRoot}/.nxignore]", "workspace:[{workspaceRoot}/tools/**/*]", "env:CI"} {
				inputs = append(inputs, input(global))
			}
			for _, d := range dependencies {
				for _, of := range []string{":ProjectConfiguration", ":TsConfig", fmt.Sprintf(":libs/%s/%s/**/*", areas[d%8], name(d))} {
					inputs = append(inputs, input(name(d)+of))
				}
			}
			ran := random.Int64N(60_000)
			task := runs.Task{ID: name(i) + ":" + target, Hash: fmt.Sprint(random.Uint64()), Inputs: inputs}
			switch random.IntN(3) {
			case 0:
				task.Outcome, task.Ran, task.Bytes = runs.Stored, &ran, random.Int64N(5_000_000)
			case 1:
				task.Outcome, task.Saved, task.Bytes, task.From = runs.RemoteHit, &ran, random.Int64N(5_000_000), "trusted"
			default:
				task.Outcome = runs.LocalHit
			}
			r.Tasks = append(r.Tasks, task)
		}
	}
	return r
}

// A run of 1,000 tasks fits in 200 KB.
func TestSizeOfRecords(t *testing.T) {
	r := workspace(250)
	inputs := 0
	for _, task := range r.Tasks {
		inputs += len(task.Inputs)
	}
	began := time.Now()
	body := encode(t, r)
	t.Logf("%d tasks with %d inputs each, %d in the table: %d bytes, %d of JSON; encoded in %v", len(r.Tasks), inputs/len(r.Tasks), len(r.Inputs), len(body), len(decompress(t, body)), time.Since(began))
	if len(r.Tasks) != 1000 || inputs < 40_000 {
		t.Fatalf("the run has %d tasks with %d inputs, want 1,000 with 40 each", len(r.Tasks), inputs)
	}
	if len(body) > 200_000 {
		t.Errorf("got %d bytes, want at most 200,000", len(body))
	}
	if got := decode(t, body); len(got.Tasks) != 1000 || len(got.Inputs) != len(r.Inputs) || got.Omitted != 0 {
		t.Errorf("got %d tasks, %d inputs, %d omitted", len(got.Tasks), len(got.Inputs), got.Omitted)
	}
}

func BenchmarkEncode(b *testing.B) {
	r := workspace(250)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := runs.Encode(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	body, err := runs.Encode(workspace(250))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := runs.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

// A writer limits what it writes, so that readers accept it: misses come first.
func TestLimitsOfWriter(t *testing.T) {
	cachetest.SkipWithRace(t)
	r := sample()
	r.Omitted, r.Inputs, r.Tasks = 1, nil, nil
	for i := range 300 {
		r.Inputs = append(r.Inputs, runs.Input{Name: fmt.Sprintf("p%d:p/**/*", i), Tag: uint16(i)})
	}
	all := make([]int, 300)
	for i := range all {
		all[i] = 299 - i
	}
	for i := range 25_000 {
		outcome := runs.LocalHit
		if i >= 24_000 {
			outcome = runs.Stored
		}
		r.Tasks = append(r.Tasks, runs.Task{ID: fmt.Sprint("p:", i), Hash: fmt.Sprint(i), Outcome: outcome, Inputs: all})
	}
	r.Tasks = append(r.Tasks, runs.Task{ID: "p:1", Outcome: runs.Stored}, runs.Task{ID: ""}, runs.Task{ID: "p:x", Hash: "../x"})
	got := decode(t, encode(t, r))
	if len(got.Tasks) != 20_000 || got.Omitted != 1+5_000+3 {
		t.Errorf("got %d tasks, %d omitted", len(got.Tasks), got.Omitted)
	}
	misses, withInputs, missesWithInputs := 0, 0, 0
	for _, task := range got.Tasks {
		if task.IsMiss() {
			misses++
		}
		if task.Inputs != nil {
			withInputs++
			if task.IsMiss() {
				missesWithInputs++
			}
			if !slices.IsSorted(task.Inputs) || len(task.Inputs) != 300 {
				t.Fatalf("got %v", task.Inputs)
			}
		}
	}
	if misses != 1_000 || missesWithInputs != 1_000 || withInputs != 1_000_000/300 {
		t.Errorf("got %d misses, %d of them with inputs; %d tasks with inputs", misses, missesWithInputs, withInputs)
	}
	r.Tasks = []runs.Task{{ID: "a:b", Outcome: runs.Stored, Inputs: []int{1, 300}}, {ID: "a:c", Outcome: runs.Stored, Inputs: []int{-1}}, {ID: "a:d", Outcome: runs.Stored, Inputs: []int{7, 7, 5}}}
	if got := decode(t, encode(t, r)); got.Tasks[0].Inputs != nil || got.Tasks[1].Inputs != nil || len(got.Tasks[2].Inputs) != 2 {
		t.Errorf("got %+v", got.Tasks)
	}
}

// A record that compresses too well for readers is written without inputs and some tasks.
func TestRatioOfWriter(t *testing.T) {
	cachetest.SkipWithRace(t)
	r := sample()
	r.Inputs, r.Tasks = nil, nil
	for i := range 100 {
		r.Inputs = append(r.Inputs, runs.Input{Name: fmt.Sprintf("%03d", i) + strings.Repeat("x", 500)})
	}
	all := make([]int, 100)
	for i := range all {
		all[i] = i
	}
	for i := range 9_900 {
		r.Tasks = append(r.Tasks, runs.Task{ID: fmt.Sprint(i, ":", strings.Repeat("y", 490)), Outcome: runs.Stored, Reason: strings.Repeat("z", 500), Inputs: all})
	}
	if got := decode(t, encode(t, r)); len(got.Tasks) == 0 || len(got.Tasks)+got.Omitted != 9_900+2 || len(got.Inputs) != 0 {
		t.Errorf("got %d tasks, %d omitted, %d inputs", len(got.Tasks), got.Omitted, len(got.Inputs))
	}
}
