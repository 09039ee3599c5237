package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest/repository"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// explainTest is a workspace in git, with a storage of records.
type explainTest struct {
	*testInventory
	root, cacheDirectory string
	commits              []string
}

func newExplainTest(t *testing.T) *explainTest {
	t.Helper()
	testenv.NeedGit(t)
	e := &explainTest{testInventory: newTestInventory(t), root: t.TempDir(), cacheDirectory: t.TempDir()}
	e.open(map[string]any{"container": inventoryContainer, "prefix": "team"})
	e.git("init", "--quiet")
	e.write(".gitignore", "dist\n")
	e.write("apps/shop/a.ts", "1")
	e.write("package-lock.json", `{"packages": {"": {}, "node_modules/ms": {"version": "2.1.2"}}}`)
	e.commit()
	e.write("apps/shop/a.ts", "2")
	e.write("package-lock.json", `{"packages": {"": {}, "node_modules/ms": {"version": "2.1.3"}, "node_modules/zod": {"version": "1.0.0"}}}`)
	e.commit()
	return e
}

func (e *explainTest) write(name, content string) { testenv.WriteFile(e.t, e.root, name, content) }

func (e *explainTest) git(args ...string) string { return testenv.Git(e.t, e.root, args...) }

func (e *explainTest) commit() { e.commits = append(e.commits, testenv.Commit(e.t, e.root)) }

// open sets the block "azure" and the folders.
func (e *explainTest) open(block map[string]any) {
	document, err := json.Marshal(map[string]any{"workspaceRoot": e.root, "cacheDirectory": e.cacheDirectory, "ci": false, "config": block})
	if err != nil {
		e.t.Fatal(err)
	}
	e.env[config.WorkspaceVariable] = string(document)
}

// runRecord returns a record of a run that ended some time ago.
func (e *explainTest) runRecord(session string, scope trust.Scope, age time.Duration, commit int, tasks ...string) *runs.Record {
	ended := time.Now().UTC().Truncate(time.Millisecond).Add(-age)
	record := &runs.Record{
		Format: runs.Format, Session: session, Started: ended.Add(-time.Minute), Ended: ended, Scope: scope, Mode: cache.ReadWrite,
		CI: scope != trust.Local, Nx: "24.0.6", Tool: "nx-azure-cache 1.0.0", OS: "linux", Arch: "amd64", Source: runs.Source{Commit: e.commits[commit]},
	}
	if record.CI {
		record.Source.Run = "https://github.com/acme/shop/actions/runs/" + session
	}
	for _, line := range tasks { // id hash outcome name=value …
		words := strings.Split(line, " | ")
		task := runs.Task{ID: words[0], Hash: words[1], Outcome: runs.Outcome(words[2])}
		for _, word := range words[3:] {
			name, value, _ := strings.Cut(word, "=")
			task.Inputs = append(task.Inputs, len(record.Inputs))
			record.Inputs = append(record.Inputs, runs.Input{Name: name, Tag: runs.Tag(name, value)})
		}
		record.Tasks = append(record.Tasks, task)
	}
	return record
}

// store stores a record as a run does.
func (e *explainTest) store(record *runs.Record) {
	e.t.Helper()
	body, err := runs.Encode(record)
	if err != nil {
		e.t.Fatal(err)
	}
	name := runs.Name("team", record.Scope, record.Ended, record.Session)
	metadata, err := runs.Metadata(name, body, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	header := make(http.Header)
	for key, value := range metadata {
		header.Set(key, value)
	}
	e.putBlob(inventoryContainer, name, azuretest.Blob{Body: body, Metadata: header})
}

// leave leaves a record as the last run.
func (e *explainTest) leave(record *runs.Record) {
	e.t.Helper()
	body, err := runs.Encode(record)
	file := scratch.FolderPath(e.cacheDirectory, runs.LocalName)
	if err = errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, body, 0o600)); err != nil {
		e.t.Fatal(err)
	}
}

var (
	times   = regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?`)
	commits = regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)
)

// explain returns what explain prints, without what changes.
func (e *explainTest) explain(args ...string) string {
	e.t.Helper()
	stdout, stderr, err := e.run(append([]string{"explain"}, args...)...)
	if err != nil || stderr != "" {
		e.t.Fatalf("explain %q: %v, %s", args, err, stderr)
	}
	return withoutTimes(stdout)
}

func withoutTimes(text string) string {
	return commits.ReplaceAllString(times.ReplaceAllString(text, "TIME"), "COMMIT")
}

const (
	hour     = time.Hour
	lockFile = "AllExternalDependencies"
)

func TestExplain(t *testing.T) {
	e := newExplainTest(t)
	e.store(e.runRecord("17", trust.Trusted, 2*hour, 0, "shop:build | 1 | stored | shop:apps/shop/**/*=1 | env:STAGE=1 | "+lockFile+"=1", "shop:test | 2 | stored | shop:apps/shop/**/*=1"))
	e.store(e.runRecord("18", trust.PullRequest("7"), hour, 1, "shop:lint | 9 | stored"))
	last := e.runRecord("last", trust.Local, 0, 1,
		"shop:build | 3 | stored | shop:apps/shop/**/*=2 | env:STAGE=2 | "+lockFile+"=2", "shop:test | 4 | stored | shop:apps/shop/**/*=2",
		"shop:lint | 9 | read-only", "shop:e2e | 5 | remote-hit")
	saved := int64(83_000)
	last.Tasks[3].From, last.Tasks[3].Bytes, last.Tasks[3].Saved = trust.Trusted, 1_200_000, &saved
	last.Totals.Hits, last.Totals.Misses = 1, 3
	e.leave(last)

	got := e.explain()
	page, err := os.ReadFile(repository.File("docs/insight.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```text\n")
	example, _, _ = strings.Cut(example, "```\n")
	if want := withoutTimes(example); got != want {
		t.Errorf("got\n%s\nwant what docs/insight.md shows\n%s", got, want)
	}
	if got := e.explain("shop:e2e"); !strings.Contains(got, "shop:e2e: a hit from the remote cache, scope trusted, 1.2 MB; it saved 1 min 23 s") || strings.Contains(got, "shop:build") {
		t.Errorf("a hit: got\n%s", got)
	}
	if got := e.explain("*:test"); !strings.Contains(got, "shop:test: files of shop") || strings.Contains(got, "STAGE") {
		t.Errorf("a pattern: got\n%s", got)
	}
	if _, _, err := e.run("explain", "other:build"); exitCodeOf(err, new(strings.Builder)) != exitFailed || !strings.Contains(err.Error(), "other:build") {
		t.Errorf("an unknown task: got %v", err)
	}
}

func TestExplainARunOfCI(t *testing.T) {
	e := newExplainTest(t)
	e.store(e.runRecord("16", trust.Trusted, 4*hour, 0, "shop:build | 1 | stored | shop:apps/shop/**/*=1"))
	e.store(e.runRecord("17", trust.PullRequest("7"), 2*hour, 1, "shop:build | 2 | stored | shop:apps/shop/**/*=2"))
	e.write("apps/shop/a.ts", "not of that run")
	for _, run := range []string{"17", "https://github.com/acme/shop/actions/runs/17", "https://github.com/acme/shop/actions/runs/17/", "https://github.com/acme/shop/actions/runs/17/job/4711"} {
		got := e.explain("--run", run)
		if !strings.Contains(got, "The run (TIME, pr-7, commit COMMIT) had") || !strings.Contains(got, "files of shop changed: apps/shop/a.ts, in COMMIT") {
			t.Errorf("%s: got\n%s", run, got)
		}
	}
	if _, _, err := e.run("explain", "--run", "99"); err == nil || !strings.Contains(err.Error(), "no record of the run 99") {
		t.Errorf("an unknown run: got %v", err)
	}
	if _, _, err := e.run("explain"); err == nil || !strings.Contains(err.Error(), "no run has left a record here") {
		t.Errorf("without a last run: got %v", err)
	}
}

// Nothing is read from the storage: the local record tells outcomes and reasons.
func TestExplainWithoutStorage(t *testing.T) {
	e := newExplainTest(t)
	last := e.runRecord("last", trust.Local, 0, 1, "shop:build | 3 | stored | a=1", "shop:test | 4 | excluded")
	e.leave(last)
	e.env[config.ConnectionVariable] = testenv.ConnectionString // of no server
	e.open(map[string]any{"container": inventoryContainer, "endpoint": "http://127.0.0.1:1"})
	got, _, err := e.run("explain")
	if err != nil || !strings.Contains(got, "azure.exclude") || !strings.Contains(got, "the records of other runs cannot be read") {
		t.Errorf("got %v\n%s", err, got)
	}
}

func TestExplainJSON(t *testing.T) {
	e := newExplainTest(t)
	e.store(e.runRecord("17", trust.Trusted, 2*hour, 0, "shop:build | 1 | stored | shop:apps/shop/**/*=1"))
	e.leave(e.runRecord("last", trust.Local, 0, 1, "shop:build | 3 | stored | shop:apps/shop/**/*=2", "shop:e2e | 5 | remote-hit", "shop:serve | 6 | not-cacheable"))
	stdout, stderr, err := e.run("explain", "shop:*", "--json")
	if err != nil || stderr != "" {
		t.Fatal(err, stderr)
	}
	var got any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile(repository.File("docs/explain.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := json.Unmarshal(schema, &parsed); err != nil {
		t.Fatal(err)
	}
	for _, problem := range checkSchema(parsed, parsed, got, "") {
		t.Error(problem)
	}
	if !strings.Contains(stdout, `"kind": "project-files"`) || !strings.Contains(stdout, `"task": "shop:serve"`) {
		t.Errorf("got %s", stdout)
	}
}

// Names in a record are foreign. None may reach the terminal as it is.
func TestExplainHostileRecord(t *testing.T) {
	e := newExplainTest(t)
	evil := "\x1b[2J\n::error::x##[command]\u202e"
	e.store(e.runRecord("17", trust.Trusted, 2*hour, 0, "shop:build | 1 | stored | env:"+evil+"=1"))
	last := e.runRecord("last", trust.Local, 0, 1, "shop:build | 2 | stored | env:"+evil+"=2", evil+":build | 4 | not-stored")
	last.Tasks[1].Reason = evil
	e.leave(last)
	for _, args := range [][]string{{"explain"}, {"explain", "--json"}} {
		stdout, _, err := e.run(args...)
		if err != nil || strings.ContainsAny(stdout, "\x1b\u202e") || strings.Contains(stdout, "\n::") || strings.Contains(stdout, "##[") {
			t.Errorf("%q: got %v and %q", args, err, stdout)
		}
	}
}
