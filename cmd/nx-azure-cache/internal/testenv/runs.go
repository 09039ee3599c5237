package testenv

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest/repository"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// RecordedRun is a run in cache/trust/testdata/environments.json.
type RecordedRun struct {
	Name        string
	CI          bool
	Branches    []string
	DefaultBase string
	Env         Env
	EventFile   json.RawMessage
}

// RecordedRuns returns the recorded runs of all CIs, and some more.
func RecordedRuns(t testing.TB) (all []RecordedRun) {
	t.Helper()
	text, err := os.ReadFile(repository.File("cache/trust/testdata/environments.json"))
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
		RecordedRun{Name: "a developer", Env: Env{}},
		RecordedRun{Name: "a CI that is not known", CI: true, Env: Env{"CI": "true"}},
		RecordedRun{Name: "CodeBuild", CI: true, Env: Env{"CODEBUILD_BUILD_ID": "shop:1", trust.RefVariable: "refs/pull/12"}},
		RecordedRun{Name: "a CI that is not known, with a ref", CI: true, Env: Env{"CI": "true", trust.RefVariable: "refs/heads/main"}},
	)
}

// TrustedBranches returns the trusted branches of a run.
func (r RecordedRun) TrustedBranches() trust.Branches {
	if r.Branches == nil {
		return trust.DefaultBranches(r.DefaultBase)
	}
	return trust.ListedBranches(r.Branches...)
}
