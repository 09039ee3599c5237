package doctor

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// lastRun writes what Nx leaves of a run: run.json, and the results with these hashes.
func lastRun(t *testing.T, tasks string, hashes ...string) (cacheDirectory string) {
	t.Helper()
	cacheDirectory = t.TempDir()
	write(t, filepath.Join(cacheDirectory, "run.json"), `{"run": {}, "tasks": [`+tasks+`]}`)
	for _, hash := range hashes {
		if err := os.Mkdir(filepath.Join(cacheDirectory, hash), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return cacheDirectory
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func taskOf(project, hash string) string {
	return fmt.Sprintf(`{"taskId": %q, "projectName": %q, "target": "build", "hash": %q, "status": 0}`, project+":build", project, hash)
}

// doctor says which results of the last run the remote cache lacks, with read requests only.
func TestDoctorLooksUpTheLastRun(t *testing.T) {
	three := strings.Join([]string{taskOf("a", "1"), taskOf("b", "2"), taskOf("c", "3")}, ",")
	for name, test := range map[string]struct {
		config string
		run    testenv.Env
		stored []string
		status report.Status
		says   string
		fix    string
	}{
		"all":                     {testenv.PlainConfig, testenv.DevRun, []string{"trusted/1", "local/2", "local/3"}, report.OK, "3 of the last run's 3 results are in the remote cache", ""},
		"some":                    {testenv.PlainConfig, testenv.DevRun, []string{"local/2", "pr-7/3"}, report.Warning, "1 of the last run's 3 results are in the remote cache; only in the local cache: a:build, c:build", "nx reset, and build again; or set azure.backfill"},
		"some, with backfill":     {`{"container": "artifacts", "prefix": "team/app", "backfill": true}`, testenv.DevRun, []string{"local/2"}, report.Warning, "1 of the last run's 3 results", "stores them in the background (azure.backfill); to store them at once, run nx reset"},
		"none, in CI":             {testenv.PlainConfig, testenv.MainRun, nil, report.Warning, "0 of the last run's 3 results", "nx reset, and build again"},
		"none, read-only":         {`{"container": "artifacts", "prefix": "team/app", "localMode": "read-only"}`, testenv.DevRun, nil, report.OK, "this run is read-only", ""},
		"one of an excluded task": {`{"container": "artifacts", "prefix": "team/app", "exclude": ["c:*"]}`, testenv.DevRun, []string{"local/1", "local/2"}, report.OK, "2 of the last run's 2 results", ""},
	} {
		t.Run(name, func(t *testing.T) {
			storage, connection := testenv.StartStorage(t)
			for _, name := range test.stored {
				if err := storage.Service.Put(testenv.Container, "team/app/v1/"+name, azuretest.Blob{}); err != nil {
					t.Fatal(err)
				}
			}
			environment := testenv.Tell(t, testenv.LicensedEnv(t, test.run, test.config, connection), func(document map[string]any) {
				document["cacheDirectory"] = lastRun(t, three, "1", "2", "3")
			})
			e := examineWhole(t, environment)
			row := e.in(t, report.LastRun, "results")
			row.mustBe(t, test.status, test.says)
			if !strings.Contains(row.Fix, test.fix) || (test.fix == "") != (row.Fix == "") || strings.Contains(row.Fix, "backfill") != strings.Contains(test.fix, "backfill") {
				t.Errorf("got the fix %q, want %q", row.Fix, test.fix)
			}
			if row.Fails {
				t.Errorf("got %s, want no failure", e.text)
			}
			for _, request := range storage.TakeRequests() {
				hash := request[strings.LastIndexByte(request, '/')+1:]
				if slices.Contains([]string{"1", "2", "3"}, hash) && !strings.HasPrefix(request, "HEAD ") {
					t.Errorf("got the request %s, want only HEAD", request)
				}
			}
		})
	}
}

// Of many results, doctor looks up some and names a few.
func TestDoctorLooksUpALargeRun(t *testing.T) {
	_, connection := testenv.StartStorage(t)
	var tasks, hashes []string
	for i := range 60 {
		hashes = append(hashes, fmt.Sprint(i+1))
		tasks = append(tasks, taskOf(fmt.Sprint("p", i+1), hashes[i]))
	}
	environment := testenv.Tell(t, testenv.LicensedEnv(t, testenv.DevRun, testenv.PlainConfig, connection), func(document map[string]any) {
		document["cacheDirectory"] = lastRun(t, strings.Join(tasks, ","), hashes...)
	})
	row := examineWhole(t, environment).in(t, report.LastRun, "results")
	row.mustBe(t, report.Warning, "0 of 50 of the last run's 60 results that were looked up are in the remote cache; only in the local cache: p1:build, p2:build, p3:build and 47 more")
}

// A lookup that fails says nothing about the cache, which other rows have tested.
func TestDoctorCannotLookUpTheLastRun(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	storage.Service.AddFault(faults.Fault{Method: http.MethodHead, Blob: "team/app/v1/local/1", Action: faults.Fail, Status: http.StatusForbidden})
	environment := testenv.Tell(t, testenv.LicensedEnv(t, testenv.DevRun, testenv.PlainConfig, connection), func(document map[string]any) {
		document["cacheDirectory"] = lastRun(t, taskOf("a", "1"), "1")
	})
	e := examineWhole(t, environment)
	e.in(t, report.LastRun, "results").mustBe(t, report.Skipped, "not looked up: ")
	if e.ExitCode != 0 {
		t.Errorf("got the exit code %d, want 0: %s", e.ExitCode, e.text)
	}
}

// run.json belongs to the checkout: anything may be in it.
func TestHostileRun(t *testing.T) {
	for name, test := range map[string]struct {
		tasks  string
		change func(t *testing.T, dir string)
		want   []string
	}{
		"results":               {taskOf("a", "1") + "," + taskOf("b", "2"), nil, []string{"a:build", "b:build"}},
		"a hash that is a path": {taskOf("a", "../1") + "," + taskOf("b", "..") + "," + taskOf("c", "1/2") + "," + taskOf("d", ""), nil, nil},
		"a hash twice":          {taskOf("a", "1") + "," + taskOf("b", "1"), nil, []string{"a:build"}},
		"a failed task":         {`{"taskId": "a:build", "hash": "1", "status": 1}`, nil, nil},
		"an uncached task":      {taskOf("a", "99"), nil, nil},
		"a result that is a link": {taskOf("a", "3"), func(t *testing.T, dir string) {
			if err := os.Symlink("1", filepath.Join(dir, "3")); err != nil {
				t.Skip(err)
			}
		}, nil},
		"no JSON":     {`]`, nil, nil},
		"other types": {`{"taskId": 1, "hash": ["1"]}`, nil, nil},
		"a link": {"", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "run.json")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "other"), `{"tasks": [`+taskOf("a", "1")+`]}`)
			if err := os.Symlink("other", filepath.Join(dir, "run.json")); err != nil {
				t.Skip(err)
			}
		}, nil},
		"no file": {"", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "run.json")); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := lastRun(t, test.tasks, "1", "2")
			if test.change != nil {
				test.change(t, dir)
			}
			results, _ := lastResults(dir, taskfilter.Filter{})
			var got []string
			for _, task := range results {
				got = append(got, task.ID)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
