package recorder_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs/recorder"
)

func TestReadHandOver(t *testing.T) {
	h, err := recorder.ReadHandOver(strings.NewReader(`{
		"started": 1795963529506, "ended": 1795963530802.5, "waited": 12.6, "omitted": 2, "later": {"a": [1]},
		"names": ["env:CI", "a:a/**/*"], "inputs": [[0, "true"], [1, "1234"], [1, "5678", "later"]],
		"tasks": [
			{"id": "a:build", "hash": "1", "status": "success", "cache": true, "started": 5, "ended": 7.4, "inputs": [0, 1], "later": 1},
			{"id": "b:serve", "status": "skipped", "cache": false, "started": 7, "ended": 5}
		]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !h.Started.Equal(time.UnixMilli(1795963529506)) || !h.Ended.Equal(time.UnixMilli(1795963530803)) || h.Waited != 13 || h.Omitted != 2 {
		t.Errorf("got %+v", h)
	}
	want := []runs.Input{
		{Name: "env:CI", Tag: runs.Tag("env:CI", "true")},
		{Name: "a:a/**/*", Tag: runs.Tag("a:a/**/*", "1234")}, {Name: "a:a/**/*", Tag: runs.Tag("a:a/**/*", "5678")},
	}
	if fmt.Sprint(h.Inputs) != fmt.Sprint(want) || want[0].Tag > 0xFF {
		t.Errorf("got %v, want %v", h.Inputs, want)
	}
	a, b := h.Tasks[0], h.Tasks[1]
	if a.ID != "a:build" || a.Hash != "1" || a.Status != "success" || a.IsUncacheable || *a.Ran != 2 || len(a.Inputs) != 2 {
		t.Errorf("got %+v", a)
	}
	if b.ID != "b:serve" || b.Hash != "" || !b.IsUncacheable || b.Ran != nil || b.Inputs != nil {
		t.Errorf("got %+v", b)
	}
}

// Nothing of an invalid hand-over is used.
func TestInvalidHandOver(t *testing.T) {
	cachetest.SkipWithRace(t)
	for name, text := range map[string]string{
		"nothing":                   ``,
		"no object":                 `[]`,
		"no tasks":                  `{"names": []}`,
		"cut":                       `{"tasks": [{"id": "a"}`,
		"something after":           `{"tasks": []} {}`,
		"a field twice":             `{"tasks": [], "tasks": []}`,
		"inputs before names":       `{"inputs": [[0, "x"]], "names": ["a"], "tasks": []}`,
		"tasks before inputs":       `{"tasks": [{"id": "a", "inputs": [0]}], "names": ["a"], "inputs": [[0, "x"]]}`,
		"an index below 0":          `{"names": ["a"], "inputs": [[-1, "x"]], "tasks": []}`,
		"an index that is a float":  `{"names": ["a"], "inputs": [[0.5, "x"]], "tasks": []}`,
		"a value that is an object": `{"names": ["a"], "inputs": [[0, {}]], "tasks": []}`,
		"an input with one element": `{"names": ["a"], "inputs": [[0]], "tasks": []}`,
		"a name that is a number":   `{"names": [1], "tasks": []}`,
		"a task without an id":      `{"tasks": [{"hash": "1"}]}`,
		"a task that is null":       `{"tasks": [null]}`,
		"tasks that are an object":  `{"tasks": {}}`,
		"a time that is a string":   `{"started": "now", "tasks": []}`,
		"an element of 9 MB":        `{"later": "` + strings.Repeat("x", 9<<20) + `", "tasks": []}`,
		"too many fields":           `{` + manyFields(101) + `"tasks": []}`,
		"names of more than 16 MiB": `{"names": ["` + strings.Repeat(strings.Repeat("x", 1<<20)+`","`, 17) + `"], "tasks": []}`,
		"more than 200,000 names":   `{"names": [` + strings.Repeat(`"x",`, 200_000) + `"x"], "tasks": []}`,
		"more than 200,000 inputs":  `{"names": ["x"], "inputs": [` + strings.Repeat(`[0,"1"],`, 200_000) + `[0,"1"]], "tasks": []}`,
	} {
		if h, err := recorder.ReadHandOver(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got %d tasks, want an error", name, len(h.Tasks))
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: got an error of %d bytes", name, len(err.Error()))
		}
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"f%d": 0, `, i)
	}
	return b.String()
}

// A custom hasher may return anything. The record lacks its task, and no other.
func TestCustomHasher(t *testing.T) {
	if _, err := recorder.ReadHandOver(strings.NewReader(`{"names": [""], "inputs": [[0, ""]], "tasks": [{"id": "a", "hash": "1", "inputs": [0]}]}`)); err != nil {
		t.Errorf("an empty name: got %v", err)
	}
	for _, odd := range []string{"../x", "a b", strings.Repeat("1", 129), "sha256:1"} {
		h, err := recorder.ReadHandOver(strings.NewReader(`{"names": ["x"], "inputs": [[0, "1"]], "tasks": [
			{"id": "a", "hash": "1"}, {"id": "b", "hash": "` + odd + `", "inputs": [0]}, {"id": "c", "hash": "2", "inputs": [0]}]}`))
		if err != nil || len(h.Tasks) != 2 || h.Tasks[1].ID != "c" || len(h.Tasks[1].Inputs) != 1 || h.Omitted != 1 {
			t.Errorf("%.20s: got %+v, %v", odd, h, err)
		}
	}
}

// A task may have all inputs that a hand-over may have.
func TestTaskWithAMillionInputs(t *testing.T) {
	cachetest.SkipWithRace(t)
	h, err := recorder.ReadHandOver(strings.NewReader(`{"names": ["x"], "inputs": [` + strings.Repeat(`[0,"1"],`, 199_999) + `[0,"1"]],
		"tasks": [{"id": "a", "inputs": [` + strings.Repeat("199999,", 999_999) + `0]}]}`))
	if err != nil || len(h.Tasks[0].Inputs) != 1_000_000 {
		t.Errorf("got %v", err)
	}
}

// Impossible numbers are unknown.
func TestImpossibleNumbers(t *testing.T) {
	h, err := recorder.ReadHandOver(strings.NewReader(`{"started": -1, "ended": 1e300, "waited": -5, "omitted": -1, "tasks": [{"id": "a", "started": 0, "ended": 1e300}]}`))
	if err != nil || !h.Started.IsZero() || !h.Ended.IsZero() || h.Waited != 0 || h.Omitted != 0 || *h.Tasks[0].Ran != 0 {
		t.Errorf("got %+v, %v", h, err)
	}
}

// A record has at most 20,000 tasks and a million inputs.
func TestLimitsOfHandOver(t *testing.T) {
	cachetest.SkipWithRace(t)
	text := `{"names": ["a"], "inputs": [[0, "x"]], "tasks": [` + strings.Repeat(`{"id": "a", "inputs": [`+strings.Repeat("0,", 99)+`0]},`, 20_004) + `{"id": "b"}]}`
	h, err := recorder.ReadHandOver(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	indices := 0
	for _, task := range h.Tasks {
		indices += len(task.Inputs)
	}
	if len(h.Tasks) != 20_000 || h.Omitted != 5 || indices != 1_000_000 {
		t.Errorf("got %d tasks, %d omitted, %d inputs", len(h.Tasks), h.Omitted, indices)
	}
}

func FuzzHandOver(f *testing.F) {
	f.Add([]byte(handOver(3)))
	f.Add([]byte(`{"started": 1, "names": ["env:A"], "inputs": [[0, "\ud800"]], "tasks": [{"id": "a:b", "hash": "1", "status": "success", "inputs": [0]}]}`))
	f.Add([]byte(`{"tasks": [{"id": "\u202e", "status": "local-cache", "started": 5, "ended": 1e30}], "ended": 1795963530802}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := recorder.ReadHandOver(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		r := new(recorder.Recorder)
		header := runs.Record{Session: "s", Scope: "local", Mode: cache.ReadWrite, Ended: time.UnixMilli(1795963530802)}
		body, err := runs.Encode(r.Record(h, header))
		if err != nil {
			return // its times are not of a run
		}
		if _, err := runs.Decode(body); err != nil {
			t.Errorf("the record cannot be read: %v", err)
		}
	})
}

// handOver is the hand-over of a run with n tasks, each with 40 inputs.
func handOver(n int) string {
	var names, inputs, tasks []string
	for i := range n {
		names = append(names, fmt.Sprintf(`"project-%d:{projectRoot}/**/*"`, i), fmt.Sprintf(`"project-%d:ProjectConfiguration"`, i))
		inputs = append(inputs, fmt.Sprintf(`[%d,"%d"]`, 2*i, 1234567890123+i), fmt.Sprintf(`[%d,"%d"]`, 2*i+1, 2234567890123+i))
		var indices []string
		for j := range 40 {
			indices = append(indices, fmt.Sprint((2*i+j)%(2*n)))
		}
		tasks = append(tasks, fmt.Sprintf(`{"id":"project-%d:build:production","hash":"%d","status":"success","cache":true,"started":1795963529506,"ended":1795963530802,"inputs":[%s]}`,
			i, 10_000_000_000_000_000+i, strings.Join(indices, ",")))
	}
	return fmt.Sprintf(`{"started":1795963529506,"ended":1795963530802,"waited":12,"names":[%s],"inputs":[%s],"tasks":[%s]}`,
		strings.Join(names, ","), strings.Join(inputs, ","), strings.Join(tasks, ","))
}

// BenchmarkRecord makes the record of a run with 1,000 tasks from its file.
func BenchmarkRecord(b *testing.B) {
	file := filepath.Join(b.TempDir(), "run.json")
	if err := os.WriteFile(file, []byte(handOver(1000)), 0o600); err != nil {
		b.Fatal(err)
	}
	r := new(recorder.Recorder)
	for i := range 1000 {
		r.Miss(fmt.Sprint(10_000_000_000_000_000+i), "", recorder.Problem{})
		r.Accept(fmt.Sprint(10_000_000_000_000_000 + i))
	}
	header := runs.Record{Session: "s", Scope: "local", Mode: cache.ReadWrite, OS: runtime.GOOS, Ended: time.UnixMilli(1795963530802)}
	for b.Loop() {
		f, err := os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		h, err := recorder.ReadHandOver(f)
		if err != nil {
			b.Fatal(err)
		}
		body, err := runs.Encode(r.Record(h, header))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(body)), "bytes")
		_ = f.Close() // opened for reading: nothing is lost
	}
}
