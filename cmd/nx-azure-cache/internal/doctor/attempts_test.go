package doctor

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// If every request fails, doctor does not repeat them for each scope, and reports the
// checks as unknown.
func TestDoctorUntried(t *testing.T) {
	for name, test := range map[string]struct {
		fault  faults.Fault
		config string
		most   int // requests
	}{
		"busy":          {faults.Fault{Action: faults.Fail, Status: http.StatusInternalServerError, Code: "InternalError"}, testenv.PlainConfig, 3},
		"wrong key":     {faults.Fault{Action: faults.Fail, Status: http.StatusForbidden, Code: "AuthenticationFailed"}, testenv.PlainConfig, 1},
		"network rules": {faults.Fault{Action: faults.Fail, Status: http.StatusForbidden, Code: "AuthorizationFailure"}, testenv.PlainConfig, 1},
		"no container":  {faults.Fault{Method: "NONE", Action: faults.Reset}, `{"container": "nothing-here"}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			storage, connection := testenv.StartStorage(t)
			storage.Service.AddFault(test.fault)
			e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, test.config, connection))
			if e.ExitCode != report.ExitUntried {
				t.Errorf("got the exit code %d, want %d", e.ExitCode, report.ExitUntried)
			}
			for _, c := range e.Checks {
				if c.Operation != "" && c.Status != report.Unknown {
					t.Errorf("got %+v, want %s", c, report.Unknown)
				}
			}
			if len(e.Leftovers) > 0 {
				t.Errorf("got %+v, want none", e.Leftovers)
			}
			if got := storage.TakeRequests(); len(got) > test.most {
				t.Errorf("got the requests %q, want at most %d", got, test.most)
			}
		})
	}
}

// triesOfLost is how often a request without a response is sent: three times, and once
// more on a new connection if the first one was kept alive.
const triesOfLost = 4

// If a response is lost, the entry may exist. doctor removes or reports it.
func TestDoctorLostResponses(t *testing.T) {
	t.Run("of all that is created", func(t *testing.T) {
		storage, connection := testenv.StartStorage(t)
		storage.Service.AddFault(faults.Fault{Method: http.MethodPut, Times: triesOfLost, Action: faults.Lose})
		e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, connection))
		if c := e.find(t, "trusted.create"); c.Status != report.Unknown {
			t.Errorf("got %+v, want it %s", c, report.Unknown)
		}
		if c := e.find(t, "trusted.delete"); c.Status != report.Exposed || e.ExitCode != report.ExitFailed {
			t.Errorf("got %+v and the exit code %d, want it %s", c, e.ExitCode, report.Exposed)
		}
		e.checkLeftovers(t, storage)
		if len(e.Leftovers) > 0 {
			t.Errorf("got %+v, want it removed", e.Leftovers)
		}
	})
	t.Run("of one", func(t *testing.T) {
		storage, connection := testenv.StartStorage(t)
		storage.Service.AddFault(faults.Fault{Method: http.MethodPut, Times: 1, Action: faults.Lose})
		e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, connection))
		if c := e.find(t, "trusted.create"); c.Status != report.Exposed {
			t.Errorf("got %+v, want it %s", c, report.Exposed)
		}
		e.checkLeftovers(t, storage)
	})
	t.Run("of what is removed, too", func(t *testing.T) {
		storage, connection := testenv.StartStorage(t)
		storage.Service.AddFault(faults.Fault{Method: http.MethodPut, Times: triesOfLost, Action: faults.Lose})
		storage.Service.AddFault(faults.Fault{Method: http.MethodDelete, Action: faults.Reset})
		examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, connection)).checkLeftovers(t, storage)
		if got := storage.Service.Names(testenv.Container); len(got) != 1 {
			t.Errorf("%q are left, want one", got)
		}
	})
}

// Ctrl-C ends the checks, but not the removal of their entries.
func TestDoctorInterrupted(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	const config = `{"container": "artifacts", "prefix": "team/app", "trust": {"containers": {"pr": "nx-cache"}}}`
	held := storage.Service.AddFault(faults.Fault{Method: http.MethodPut, Blob: "*/pr-12/*", Action: faults.Hold})
	inDelete := storage.Service.AddFault(faults.Fault{Method: http.MethodDelete, Blob: "*/pr-12/*", Action: faults.Hold})
	environment := testenv.WorkspaceEnv(t, testenv.PullRun, config, connection)
	ctx, interrupt := context.WithCancel(t.Context())
	var stdout string
	var code int
	ended := make(chan error)
	go func() {
		var err error
		stdout, code, err = doctorCommand(ctx, environment, "--security", "--json")
		ended <- err
	}()
	<-held.Reached()
	// The entry exists, and the response never arrives.
	canary := canaries.FindString(storage.Service.Requests()[0].Path)
	if err := storage.Service.Put("nx-cache", "team/app/v1/pr-12/"+canary, azuretest.Blob{Body: []byte(canaryBody)}); err != nil {
		t.Fatal(err)
	}
	interrupt()
	<-inDelete.Reached()
	inDelete.Release()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	e := examined{text: stdout}
	if err := json.Unmarshal([]byte(e.text), &e.Report); err != nil {
		t.Fatal(err)
	}
	e.checkLeftovers(t, storage)
	if len(e.Leftovers) > 0 || code != report.ExitFailed { // trusted was tried first
		t.Errorf("got the leftovers %+v and %d, want none and the exit code %d", e.Leftovers, code, report.ExitFailed)
	}
	want := map[string]string{"identity": "x", "isolation": "n", "repositories": "a", "trusted": "aXXX", "own": "auua", "other-pull-request": "uuu", "other-branch": "uuu", "local": "uuu", "signatures": "m"}
	if got := e.table(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v (%s)", got, want, legend)
	}
}
