package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// The results for the credentials that Azurite supports. It has no roles.
func TestDoctorAzurite(t *testing.T) {
	connection, container := cachetest.Azurite(t)
	config, err := json.Marshal(map[string]string{"container": container, "prefix": newCanary()})
	if err != nil {
		t.Fatal(err)
	}
	nothing := map[string]string{
		"identity": "a", "isolation": "n", "repositories": "a", "signatures": "a", "trusted": "annn", "own": "amnn",
		"other-pull-request": "nnn", "other-branch": "nnn", "local": "nnn",
	}
	// with returns the results if create, overwrite and delete have these statuses.
	with := func(trusted, own, others string) map[string]string {
		found := maps.Clone(nothing)
		found["signatures"], found["trusted"], found["own"] = "m", "a"+trusted, "a"+own
		found["local"] = trusted
		for _, area := range []string{"other-pull-request", "other-branch"} {
			found[area] = others
		}
		return found
	}
	byKey := with("XXX", "aaa", "xxx")
	byKey["identity"] = "x"
	for _, test := range []struct {
		sp   string // of a SAS; "" means the account key
		want map[string]string
	}{
		{"", byKey},
		{"r", nothing},
		{"rc", with("Xnn", "ann", "xnn")},
		{"rw", with("XXn", "aan", "xxn")},
		{"racwd", with("XXX", "aaa", "xxx")},
	} {
		t.Run("sp="+test.sp, func(t *testing.T) {
			signIn := connection
			if test.sp != "" {
				signIn = testenv.ContainerSAS(t, connection, container, test.sp)
			}
			e := examine(t, testenv.WorkspaceEnv(t, testenv.PullRun, string(config), signIn))
			if got := e.table(); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v (%s)\n%s", got, test.want, legend, e.text)
			}
			mayDelete := test.sp == "" || strings.Contains(test.sp, "d")
			if mayCreate := strings.ContainsAny(test.sp, "cw"); (len(e.Leftovers) == 5) != (mayCreate && !mayDelete) {
				t.Errorf("got the leftovers %+v", e.Leftovers)
			}
		})
	}
}

// All of doctor with the credentials that Azurite supports.
func TestDoctorWholeAzurite(t *testing.T) {
	connection, container := cachetest.Azurite(t)
	config := fmt.Sprintf(`{"container": %q, "prefix": %q}`, container, newCanary())
	for _, test := range []struct {
		name, sp, config string
		run              testenv.Env
		code             int
		part             report.Part
		id               string
		want             report.Status
		says             string
	}{
		{"key", "", config, testenv.MainRun, 0, report.RoundTrip, "down", report.OK, "B/s"},
		{"sp=r", "r", config, testenv.PullRun, report.ExitFailed, report.Rights, "write.create", report.Failed, "--permissions rc "},
		{"sp=rc", "rc", config, testenv.MainRun, 0, report.Rights, "write.overwrite", report.Warning, "stays"},
		{"sp=c", "c", config, testenv.MainRun, report.ExitFailed, report.Rights, "trusted.read", report.Failed, "--permissions rc "},
		{"no container", "", `{"container": "nothing-here"}`, testenv.MainRun, report.ExitFailed, report.Rights, "container.nothing-here", report.Failed, "does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			signIn := connection
			if test.sp != "" {
				signIn = testenv.ContainerSAS(t, connection, container, test.sp)
			}
			e := examineWhole(t, testenv.LicensedEnv(t, test.run, test.config, signIn))
			e.in(t, test.part, test.id).mustBe(t, test.want, test.says)
			if e.ExitCode != test.code {
				t.Errorf("got the exit code %d, want %d\n%s", e.ExitCode, test.code, e.text)
			}
		})
	}
}
