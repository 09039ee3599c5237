package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// recordedRun is one of cache/trust/testdata/environments.json.
type recordedRun struct {
	Name        string
	CI          bool
	Branches    []string
	DefaultBase string
	Env         env
	EventFile   json.RawMessage
}

// recordedRuns are the runs of all CIs that were recorded, and some more.
func recordedRuns(t testing.TB) (all []recordedRun) {
	t.Helper()
	text, err := os.ReadFile(repository("cache/trust/testdata/environments.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all) < 100 {
		t.Fatalf("got %d runs, %v", len(all), err)
	}
	folder := t.TempDir()
	for i, run := range all {
		if run.EventFile == nil {
			continue
		}
		path := filepath.Join(folder, fmt.Sprint(i))
		if err := os.WriteFile(path, run.EventFile, 0o600); err != nil {
			t.Fatal(err)
		}
		run.Env["GITHUB_EVENT_PATH"] = path
	}
	return append(all,
		recordedRun{Name: "a developer", Env: env{}},
		recordedRun{Name: "a CI that is not known", CI: true, Env: env{"CI": "true"}},
		recordedRun{Name: "CodeBuild", CI: true, Env: env{"CODEBUILD_BUILD_ID": "shop:1", trust.RefVariable: "refs/pull/12"}},
		recordedRun{Name: "a CI that is not known, with a ref", CI: true, Env: env{"CI": "true", trust.RefVariable: "refs/heads/main"}},
	)
}

// branches are those that are trusted in a run.
func (r recordedRun) branches() trust.Branches {
	if r.Branches == nil {
		return trust.DefaultBranches(r.DefaultBase)
	}
	return trust.ListedBranches(r.Branches...)
}
