package runs_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

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
