package doctor

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

func TestDoctorFindsNoProblem(t *testing.T) {
	for name, run := range map[string]testenv.Env{"main": testenv.MainRun, "developer": testenv.DevRun} {
		t.Run(name, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			rights := azuretest.FullRights()
			if name == "developer" {
				rights.WriteTo = []string{"*/local/*"}
			}
			storage.Service.Allow(azuretest.SAS("secret"), rights)
			e := examineWhole(t, testenv.LicensedEnv(t, run, testenv.PlainConfig, storage.SASConnection("secret", "rcwd")))
			if e.ExitCode != 0 || len(e.Leftovers) > 0 || e.RoundTrip == nil || e.RoundTrip.UpBytesPerSecond <= 0 || e.RoundTrip.DownBytesPerSecond <= 0 ||
				e.RoundTrip.ReadSeconds <= 0 || e.RoundTrip.WriteSeconds <= 0 {
				t.Errorf("got %s, want no problem", e.text)
			}
			for _, c := range e.Checks {
				if c.Part != report.Security && c.Status != report.OK {
					t.Errorf("got %+v, want it %s", c, report.OK)
				}
			}
			e.checkLeftovers(t, storage)
			checkOnlyCanaries(t, storage)
		})
	}
}

// checkOnlyCanaries fails if doctor requested anything but canaries and, to check the
// network and to list records, the container.
func checkOnlyCanaries(t *testing.T, s *testenv.Storage) {
	t.Helper()
	for _, request := range s.TakeRequests() {
		if at := "/" + testenv.StorageAccount + "/" + testenv.Container; request == "HEAD "+at || request == "GET "+at {
			continue
		}
		if hash := request[strings.LastIndexByte(request, '/')+1:]; canaries.FindString(hash) != hash {
			t.Errorf("got the request %s, want only those about canaries", request)
		}
	}
}

// A problem is reported in its part, and the checks that depend on it are skipped.
func TestDoctorFindsTheCause(t *testing.T) {
	skippedAll := []report.Part{report.Rights, report.RoundTrip, report.Records, report.Security}
	for _, test := range []struct {
		name    string
		config  string
		change  func(testenv.Env)
		part    report.Part
		id      string
		says    string
		skipped []report.Part
	}{
		{"a wrong container", `{"container": "No"}`, nil, report.Config, "setting", "azure.container", append(skippedAll, report.SignIn)},
		{"a wrong prefix", `{"container": "artifacts", "prefix": "/a/"}`, nil, report.Config, "setting", "azure.prefix", skippedAll},
		{"no block", `null`, nil, report.Config, "setting", "azure-cache:init", append(skippedAll, report.SignIn)},
		{"no container", `{"container": "nothing-here"}`, nil, report.Rights, "container.nothing-here", "az storage container create", skippedAll[1:]},
		{"no license", testenv.PlainConfig, func(e testenv.Env) { e[license.Variable] = "" }, report.License, "license", license.Variable, nil},
		{"a wrong license", testenv.PlainConfig, func(e testenv.Env) { e[license.Variable] = "rubbish" }, report.License, "license", "malformed", nil},
		{"no sign-in", `{"container": "artifacts", "accountName": "nxcache", "credential": "environment"}`, func(e testenv.Env) { e[config.ConnectionVariable] = "" },
			report.SignIn, "sign-in", "not signed in", skippedAll},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, connection := testenv.StartStorage(t)
			environment := testenv.LicensedEnv(t, testenv.MainRun, test.config, connection)
			if test.change != nil {
				test.change(environment)
			}
			e := examineWhole(t, environment)
			e.in(t, test.part, test.id).mustBe(t, report.Failed, test.says)
			if e.ExitCode != report.ExitFailed {
				t.Errorf("got the exit code %d, want %d", e.ExitCode, report.ExitFailed)
			}
			for _, of := range test.skipped {
				if got := e.statuses(of); !maps.Equal(got, map[string]report.Status{string(of): report.Skipped}) {
					t.Errorf("%s: got %v, want it skipped", of, got)
				}
			}
			// The other checks still run.
			for _, of := range []report.Part{report.Package, report.Versions, report.Config, report.License} {
				if len(e.statuses(of)) == 0 {
					t.Errorf("no check %s in %s", of, e.text)
				}
			}
		})
	}
}

// All problems are reported at once, each in its own row.
func TestDoctorReportsAllProblems(t *testing.T) {
	_, connection := testenv.StartStorage(t)
	e := examineWhole(t, testenv.LicensedEnv(t, testenv.DevRun, `{"container": "No", "prefix": "/", "localMode": "nothing", "prefxi": "a"}`, connection))
	var reported []string
	for _, c := range e.Checks {
		if c.Part == report.Config && c.Status == report.Failed {
			reported = append(reported, c.Seen)
		}
	}
	if len(reported) != 3 {
		t.Errorf("got %q, want three problems", reported)
	}
	if text := e.text; !strings.Contains(text, "did you mean prefix") {
		t.Errorf("got %s, want the unknown key, too", text)
	}
}

func TestDoctorRights(t *testing.T) {
	const own = "*/v1/pr-12/*"
	for _, test := range []struct {
		name   string
		run    testenv.Env
		config string
		rights azuretest.Rights
		want   string // statuses of read in trusted and own, create, overwrite, delete
		code   int
	}{
		{"pull request that may all in its own", testenv.PullRun, testenv.PlainConfig, azuretest.Rights{Read: true, Create: true, Write: true, Delete: true, WriteTo: []string{own}}, "ok ok ok ok ok", 0},
		{"pull request that may create in its own", testenv.PullRun, testenv.PlainConfig, azuretest.Rights{Read: true, Create: true, WriteTo: []string{own}}, "ok ok ok ok ok", 0},
		{"pull request that may only read", testenv.PullRun, testenv.PlainConfig, azuretest.Rights{Read: true}, "ok ok failed ok ok", report.ExitFailed},
		{"pull request that may only read, and shall not store", testenv.PullRun, `{"container": "artifacts", "ciMode": "read-only"}`, azuretest.Rights{Read: true}, "ok ok ok ok ok", 0},
		{"pull request that may not read", testenv.PullRun, testenv.PlainConfig, azuretest.Rights{Create: true, WriteTo: []string{own}}, "failed failed ok ok ok", report.ExitFailed},
		{"main that may create", testenv.MainRun, testenv.PlainConfig, azuretest.Rights{Read: true, Create: true, WriteTo: []string{"*/trusted/*"}}, "ok - ok warning ok", 0},
		{"main that may write", testenv.MainRun, testenv.PlainConfig, azuretest.Rights{Read: true, Write: true, WriteTo: []string{"*/trusted/*"}}, "ok - ok ok ok", 0},
		{"run without a scope", testenv.NoRun, testenv.PlainConfig, azuretest.Rights{Read: true}, "ok - - - -", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.SAS("secret"), test.rights)
			e := examineWhole(t, testenv.LicensedEnv(t, test.run, test.config, storage.SASConnection("secret", "rcwd")))
			found := e.statuses(report.Rights)
			var got []string
			for _, id := range []string{"trusted.read", "own.read", "write.create", "write.overwrite", "write.delete"} {
				if found[id] == "" {
					found[id] = "-"
				}
				got = append(got, string(found[id]))
			}
			if strings.Join(got, " ") != test.want || e.ExitCode != test.code {
				t.Errorf("got %q and %d, want %q and %d\n%s", got, e.ExitCode, test.want, test.code, e.text)
			}
			for _, c := range e.Checks {
				if (c.Status == report.Failed || c.Status == report.Missing) && c.Fix == "" {
					t.Errorf("got %+v without a fix", c)
				}
			}
			e.checkLeftovers(t, storage)
		})
	}
}

// doctor reports the mode no-cache, and still checks the rest.
func TestDoctorModes(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	environment := testenv.LicensedEnv(t, testenv.MainRun, `{"container": "artifacts", "ciMode": "no-cache"}`, connection)
	examineWhole(t, environment).in(t, report.Config, "mode").mustBe(t, report.Warning, "azure.ciMode in nx.json")
	environment[config.ModeVariable] = "read-only"
	e := examineWhole(t, environment)
	e.in(t, report.Config, "mode").mustBe(t, report.OK, config.ModeVariable)
	if got := storage.Service.Names(testenv.Container); len(got) > 0 {
		t.Errorf("got %q, want nothing left", got)
	}
	environment = testenv.LicensedEnv(t, testenv.NoRun, testenv.PlainConfig, connection)
	examineWhole(t, environment).in(t, report.Config, "mode").mustBe(t, report.Warning, "read-only, although default says read-write")
}

func TestDoctorOfAnotherVersion(t *testing.T) {
	_, connection := testenv.StartStorage(t)
	environment := testenv.Tell(t, testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection), func(document map[string]any) {
		document["launcher"] = config.Launcher{Version: "9.9.9"}
	})
	examineWhole(t, environment).in(t, report.Versions, "binary").mustBe(t, report.Failed, "9.9.9")
	alone := testenv.Tell(t, environment, func(document map[string]any) { delete(document, "launcher") })
	examineWhole(t, alone).in(t, report.Package, "package").mustBe(t, report.Skipped, "npx nx-azure-cache doctor")
}

// An unreadable nx.json is reported once, and nothing is tried.
func TestDoctorOfAnInvalidNxJSON(t *testing.T) {
	const problem = "nx.json cannot be read: Unexpected token"
	document, err := json.Marshal(config.Document{Problem: problem})
	if err != nil {
		t.Fatal(err)
	}
	e := examineWhole(t, testenv.Env{config.WorkspaceVariable: string(document), license.Variable: testenv.License(t, "valid.jwt")})
	e.in(t, report.Config, "nx-json").mustBe(t, report.Failed, problem)
	if got := strings.Count(e.text, problem); got != 1 {
		t.Errorf("the problem is reported %d times, want once: %s", got, e.text)
	}
}
