package jobsummary

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// in returns the options of a run in a workspace.
func in(workspace string, env map[string]string) Options {
	return Options{Getenv: func(name string) string { return env[name] }, JobSummary: true, Workspace: workspace}
}

// emptyFile makes a file as a runner does.
func emptyFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "step_summary")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, r *runs.Record, o Options) {
	t.Helper()
	if err := Write(t.Context(), r, o); err != nil {
		t.Fatal(err)
	}
}

func onGitHub(path string) map[string]string {
	return map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": path}
}

// The runs of a step append to one file, after what others have written there.
func TestGitHub(t *testing.T) {
	path, want := emptyFile(t, "of another"), Markdown(usual(), Known{})
	o := in(t.TempDir(), onGitHub(path))
	write(t, usual(), o)
	write(t, usual(), o)
	if got, want := read(t, path), "of another\n\n"+want+"\n\n"+want; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	fresh := emptyFile(t, "")
	write(t, usual(), in(t.TempDir(), onGitHub(fresh)))
	if got := read(t, fresh); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// No one wants these summaries, or there is nothing to say.
func TestNoSummary(t *testing.T) {
	for name, change := range map[string]func(r *runs.Record, o *Options, env map[string]string){
		"azure.jobSummary is false": func(_ *runs.Record, o *Options, _ map[string]string) { o.JobSummary = false },
		"another CI":                func(_ *runs.Record, _ *Options, env map[string]string) { env["GITHUB_ACTIONS"] = "false" },
		"no file":                   func(_ *runs.Record, _ *Options, env map[string]string) { env["GITHUB_STEP_SUMMARY"] = "" },
		"nothing done":              func(r *runs.Record, _ *Options, _ map[string]string) { r.Totals, r.Tasks = runs.Totals{}, nil },
		"inside a task":             func(_ *runs.Record, _ *Options, env map[string]string) { env["NX_TASK_HASH"] = "1" },
	} {
		t.Run(name, func(t *testing.T) {
			path := emptyFile(t, "")
			r, env := usual(), onGitHub(path)
			o := in(t.TempDir(), env)
			change(r, &o, env)
			if got := o.IsWanted(); got != (name == "nothing done") {
				t.Errorf("IsWanted is %v", got)
			}
			write(t, r, o)
			if got := read(t, path); got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestIsWanted(t *testing.T) {
	for _, env := range []map[string]string{onGitHub("x"), {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": "x"}, {"GITLAB_CI": "true"}} {
		if o := in("", env); !o.IsWanted() {
			t.Errorf("%v: no summary is wanted", env)
		}
	}
	for _, env := range []map[string]string{{"TF_BUILD": "True"}, {"GITHUB_STEP_SUMMARY": "x"}, {"CI": "true"}} {
		if o := in("", env); o.IsWanted() {
			t.Errorf("%v: a summary is wanted", env)
		}
	}
	if o := (Options{File: "x", Getenv: func(string) string { return "" }}); !o.IsWanted() {
		t.Error("the totals are not wanted")
	}
}

func TestAzurePipelines(t *testing.T) {
	folder := t.TempDir()
	o := in(t.TempDir(), map[string]string{"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": folder})
	write(t, usual(), o)
	path := filepath.Join(folder, "nx-azure-cache-41-abc.md")
	if got, want := read(t, path), Markdown(usual(), Known{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What is there already is not ours.
	if err := Write(t.Context(), usual(), o); err == nil || !strings.Contains(err.Error(), "AGENT_TEMPDIRECTORY") {
		t.Errorf("got %v, want an error", err)
	}
}

// The causes of the slowest misses are asked for once, in limited time, and only if a
// summary shows them.
func TestCauses(t *testing.T) {
	var asked [][]string
	causes := func(ctx context.Context, tasks []string) Causes {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > maxCauses {
			t.Error("the search for causes has no limit")
		}
		asked = append(asked, tasks)
		return Causes{"shop:test": "a file changed"}
	}
	path := emptyFile(t, "")
	o := in(t.TempDir(), onGitHub(path))
	o.Causes = causes
	write(t, usual(), o)
	if len(asked) != 1 || !slices.Equal(asked[0], unexplained(usual())) {
		t.Errorf("asked for %v", asked)
	}
	if got := read(t, path); !strings.Contains(got, "| `shop:test` | 35 s | a file changed |") {
		t.Errorf("got\n%s", got)
	}
	asked = nil
	hits := usual()
	hits.Tasks = hits.Tasks[:1]
	write(t, hits, o)
	for _, env := range []map[string]string{{"GITLAB_CI": "true"}, onGitHub(""), {"TF_BUILD": "True"}, {"CI": "true"}} {
		other := in(t.TempDir(), env)
		other.Causes = causes
		write(t, usual(), other)
	}
	if len(asked) != 0 {
		t.Errorf("asked for %v, which no summary shows", asked)
	}
}

const metricsPath = ".nx/cache/nx-azure-cache-metrics.txt"

// value returns a value of the metrics in a workspace.
func value(t *testing.T, workspace, name string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^nx_azure_cache_` + name + ` (\S+)$`).FindStringSubmatch(read(t, filepath.Join(workspace, metricsPath)))
	if match == nil {
		t.Fatalf("there is no %s", name)
	}
	return match[1]
}

func TestGitLab(t *testing.T) {
	workspace := t.TempDir()
	o := in(workspace, map[string]string{"GITLAB_CI": "true", "CI_JOB_ID": "77"})
	write(t, usual(), o)
	golden := filepath.Join("testdata", "metrics.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(read(t, filepath.Join(workspace, metricsPath))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := read(t, filepath.Join(workspace, metricsPath)), read(t, golden); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	write(t, usual(), o)
	if runs, saved := value(t, workspace, "runs"), value(t, workspace, "saved_seconds"); runs != "2" || saved != "1506.4" {
		t.Errorf("got %s runs that saved %s s, want 2 runs that saved 1506.4 s", runs, saved)
	}
	// The folder is reused by another job, and by one without a number.
	for _, job := range []string{"78", "", "a b", "7.\nnx_azure_cache_evil 9"} {
		write(t, usual(), in(workspace, map[string]string{"GITLAB_CI": "true", "CI_JOB_ID": job}))
		if got := value(t, workspace, "runs"); got != "1" {
			t.Errorf("got %s runs of the job %q, want 1", got, job)
		}
		if text := read(t, filepath.Join(workspace, metricsPath)); strings.Contains(text, "evil") {
			t.Errorf("the job %q is in\n%s", job, text)
		}
	}
}

// Runs of a job at the same time all count.
func TestGitLabAtOnce(t *testing.T) {
	workspace := t.TempDir()
	o := in(workspace, map[string]string{"GITLAB_CI": "true", "CI_JOB_ID": "77"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { write(t, usual(), o) })
	}
	group.Wait()
	if got := value(t, workspace, "runs"); got != "8" {
		t.Errorf("got %s runs, want 8", got)
	}
}

func TestInvalidMetrics(t *testing.T) {
	of := func(r sums) string { return string(r.format("77")) }
	for _, text := range []string{
		"", "x", of(sums{runs: 1, hits: -1}), strings.Replace(of(sums{runs: 1}), "hits 0", "hits NaN", 1),
		strings.Replace(of(sums{runs: 1}), "hits 0", "hits 1e300", 1), strings.Replace(of(sums{runs: 1}), "hits 0", "hits x", 1),
	} {
		if got := parseSums([]byte(text), "77"); got != (sums{}) {
			t.Errorf("%q: got %+v, want none", text, got)
		}
	}
	want := sums{runs: 2, hits: 3, saved: 1.5}
	if got := parseSums([]byte(of(want)), "77"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The totals of each run are a line of JSON, on every machine.
func TestTotals(t *testing.T) {
	workspace := t.TempDir()
	o := in(workspace, nil)
	o.JobSummary, o.File = false, "totals.jsonl"
	r := usual()
	r.CI, r.Omitted = false, 5
	r.Started = time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC)
	r.Ended = r.Started.Add(90 * time.Second)
	write(t, r, o)
	write(t, &runs.Record{Session: "42"}, o)
	lines := strings.Split(read(t, filepath.Join(workspace, "totals.jsonl")), "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("got %q, want two lines", lines)
	}
	const want = `{"format":1,"session":"41-abc","started":"2026-11-30T21:00:00Z","ended":"2026-11-30T21:01:30Z",` +
		`"scope":"pr-12","mode":"read-write","ci":false,"tasks":19,"hits":41,"misses":17,"damaged":1,"stored":12,"existing":1,` +
		`"skipped":3,"evicted":1,"failed":1,"bytesRead":18234567,"bytesWritten":1123456,"localHits":2,"waited":3200,"saved":753200}`
	if lines[0] != want {
		t.Errorf("got\n%s\nwant\n%s", lines[0], want)
	}
	// No field is ever absent.
	var first, second map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &second); err != nil || json.Unmarshal([]byte(lines[0]), &first) != nil {
		t.Fatal(err)
	}
	if len(first) != len(second) {
		t.Errorf("got the fields of %v and of %v", first, second)
	}
}

// The npm package knows a task by the same variables.
func TestTaskVariables(t *testing.T) {
	source := read(t, filepath.Join("..", "..", "..", "..", "npm", "nx-azure-cache", "lib", "notices.js"))
	_, list, _ := strings.Cut(source, "const taskVariables = [")
	list, _, _ = strings.Cut(list, "]")
	if want := "'" + strings.Join(taskVariables, "','") + "',"; strings.Join(strings.Fields(list), "") != want {
		t.Errorf("lib/notices.js has%swant %s", list, want)
	}
}

// docs/insight.md explains each field of the totals.
func TestTotalsAreDocumented(t *testing.T) {
	page := read(t, filepath.Join("..", "..", "..", "..", "docs", "insight.md"))
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Totals]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/insight.md does not explain %s", name)
		}
	}
}

// A search that does not end in time does not hold up the run. One that ends with its context
// keeps what it has found.
func TestSlowCauses(t *testing.T) {
	for name, isStopped := range map[string]bool{"a search that ends with its context": true, "one that does not": false} {
		t.Run(name, func(t *testing.T) {
			path := emptyFile(t, "")
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				o := in(t.TempDir(), onGitHub(path))
				o.Causes = func(ctx context.Context, tasks []string) Causes {
					if isStopped {
						<-ctx.Done()
					} else {
						time.Sleep(time.Hour)
					}
					return Causes{tasks[0]: "found in time"}
				}
				write(t, usual(), o)
				if took := time.Since(started); took > 3*time.Second {
					t.Errorf("the run waits for %s", took)
				}
				time.Sleep(2 * time.Hour) // until the search ends, too
			})
			if text := read(t, path); text == "" || strings.Contains(text, "found in time") != isStopped {
				t.Errorf("got\n%s", text)
			}
		})
	}
}

// A record of another run must not end the process, which may be storing results.
func TestCausesPanic(t *testing.T) {
	path := emptyFile(t, "")
	o := in(t.TempDir(), onGitHub(path))
	o.Causes = func(context.Context, []string) Causes { panic("a foreign record") }
	var log strings.Builder
	ctx := zerolog.New(&log).WithContext(t.Context())
	if err := Write(ctx, usual(), o); err != nil {
		t.Fatal(err)
	}
	if want := Markdown(usual(), Known{}); read(t, path) != want {
		t.Errorf("got\n%s\nwant a summary without causes", read(t, path))
	}
	if !strings.Contains(log.String(), "a foreign record") || !strings.Contains(log.String(), "stack") {
		t.Errorf("logged %q", log.String())
	}
}
