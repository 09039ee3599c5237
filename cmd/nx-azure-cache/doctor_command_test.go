package main

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// The command that doctor prints removes its leftovers.
func TestDoctorLeftovers(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	storage.Service.Allow(azuretest.SAS("secret"), azuretest.Rights{Read: true, Create: true})
	const config = `{"container": "artifacts", "trust": {"containers": {"pr": "nx-cache"}}}`
	stdout, _, err := runWith(t, testenv.WorkspaceEnv(t, testenv.PullRun, config, storage.SASConnection("secret", "rc")), "doctor", "--security")
	if err != exitFailed || len(storage.Service.Names("artifacts")) == 0 || len(storage.Service.Names("nx-cache")) == 0 {
		t.Fatalf("got %v and %s, want leftovers in both containers", err, stdout)
	}
	_, rest, _ := strings.Cut(stdout, "npx nx-azure-cache ")
	command, _, _ := strings.Cut(rest, "\n")
	if _, stderr, err := runWith(t, testenv.WorkspaceEnv(t, testenv.DevRun, config, connection), strings.Fields(command)...); err != nil {
		t.Errorf("%s: got %q and %v", command, stderr, err)
	}
	if got := append(storage.Service.Names("artifacts"), storage.Service.Names("nx-cache")...); len(got) > 0 {
		t.Errorf("got %q, want no leftovers", got)
	}
}

func TestDoctorHelp(t *testing.T) {
	stdout, _, err := runWith(t, nil, "doctor", "--help")
	for _, want := range []string{"Exit codes", "--json", "round-trip", "enforced", "exposed", "allowed", "missing", "unknown"} {
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("got %q and %v, want %q", stdout, err, want)
		}
	}
}

// If settings are invalid, doctor reports them and tries nothing.
func TestDoctorWrongSettings(t *testing.T) {
	stdout, stderr, err := runWith(t, testenv.WorkspaceEnv(t, testenv.PullRun, `{"container": "No"}`, "UseDevelopmentStorage=true"), "doctor", "--security", "--json")
	if stdout != "" || !strings.Contains(stderr, "azure.container") || err != exitCode(report.ExitUntried) {
		t.Errorf("got %q, %q and %v, want the problem and the exit code %d", stdout, stderr, err, exitCode(report.ExitUntried))
	}
}
