package doctor

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// putRecords adds n records of runs that ended some time ago.
func putRecords(t *testing.T, s *testenv.Storage, scope trust.Scope, n int, age time.Duration) {
	t.Helper()
	for i := range n {
		name := runs.Name("team/app", scope, time.Now().Add(-age), fmt.Sprintf("session-%d", i))
		if err := s.Service.Put(testenv.Container, name, azuretest.Blob{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDoctorRecordWrites(t *testing.T) {
	withRecords := func(value string) string {
		return `{"container": "artifacts", "prefix": "team/app", "records": "` + value + `"}`
	}
	all, noCreate := azuretest.FullRights(), azuretest.Rights{Read: true, List: true}
	for name, test := range map[string]struct {
		run    testenv.Env
		config string
		rights azuretest.Rights
		status report.Status
		says   string
		stores bool
	}{
		"main":                             {testenv.MainRun, testenv.PlainConfig, all, report.OK, "stored at the end of the run: creating an entry in trusted is allowed", true},
		"pull request":                     {testenv.PullRun, testenv.PlainConfig, all, report.OK, "creating an entry in pr-12 is allowed", true},
		"developer":                        {testenv.DevRun, testenv.PlainConfig, all, report.OK, "not stored: only runs in CI store records, unless azure.records in nx.json is all", false},
		"developer, all":                   {testenv.DevRun, withRecords("all"), all, report.OK, "creating an entry in local is allowed", true},
		"no records":                       {testenv.MainRun, withRecords("none"), all, report.OK, "azure.records in nx.json is none: explain knows only the last run of this machine", false},
		"read-only":                        {testenv.MainRun, `{"container": "artifacts", "ciMode": "read-only"}`, all, report.OK, "not stored: this run stores nothing", false},
		"no cache":                         {testenv.MainRun, `{"container": "artifacts", "ciMode": "no-cache"}`, all, report.OK, "not stored: this run stores nothing", false},
		"a run of no scope":                {testenv.NoRun, testenv.PlainConfig, all, report.OK, "not stored: this run stores nothing", false},
		"pull request that may not create": {testenv.PullRun, testenv.PlainConfig, noCreate, report.Warning, "without it no record is stored", false},
	} {
		t.Run(name, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.SAS("secret"), test.rights)
			e := examineWhole(t, testenv.LicensedEnv(t, test.run, test.config, storage.SASConnection("secret", "rcwdl")))
			e.in(t, report.Records, "write").mustBe(t, test.status, test.says)
			isNone := strings.Contains(test.config, `"none"`)
			if isNone != (e.Records == nil) || !isNone && (e.Records.Stores != test.stores || e.Records.Recent == nil) {
				t.Errorf("got %+v, want stores: %t", e.Records, test.stores)
			}
			if len(e.statuses(report.Records)) > 1 == isNone {
				t.Errorf("got %v", e.statuses(report.Records))
			}
			e.checkLeftovers(t, storage)
		})
	}
}

// Blobs that are no records, and records of other days, are not counted.
func TestDoctorCountsRecords(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	const day = 24 * time.Hour
	putRecords(t, storage, trust.Trusted, 3, 0)
	putRecords(t, storage, trust.Trusted, 2, 6*day)
	putRecords(t, storage, trust.Trusted, 20, 8*day)
	putRecords(t, storage, trust.Trusted, 20, -2*day)
	putRecords(t, storage, trust.PullRequest("12"), 5, day)
	putRecords(t, storage, trust.PullRequest("13"), 20, day)
	folder := runs.DayPrefix("team/app", trust.Trusted, time.Now())
	for _, name := range []string{folder + "junk", folder + "120000-a/b", runs.ScopePrefix("team/app", trust.Trusted) + "today/120000-a"} {
		if err := storage.Service.Put(testenv.Container, name, azuretest.Blob{}); err != nil {
			t.Fatal(err)
		}
	}
	e := examineWhole(t, testenv.LicensedEnv(t, testenv.PullRun, testenv.PlainConfig, connection))
	e.in(t, report.Records, "read").mustBe(t, report.OK, "allowed: 10 records of the last 7 days in trusted and pr-12")
	if got := e.Records.Recent; got == nil || *got != 10 {
		t.Errorf("got %v", got)
	}
	putRecords(t, storage, trust.Trusted, maxRecords+1, day)
	e = examineWhole(t, testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection))
	e.in(t, report.Records, "read").mustBe(t, report.OK, "allowed: more than 1,000 records of the last 7 days in trusted")
}

// Without permission to list, the cache works, and the row says what does not.
func TestDoctorCannotListRecords(t *testing.T) {
	const says = "cannot list trusted (refused: 403 AuthorizationPermissionMismatch): explain knows only the last run of this machine"
	unlisted := azuretest.FullRights()
	unlisted.List = false
	t.Run("SAS", func(t *testing.T) {
		storage, _ := testenv.StartStorage(t)
		storage.Service.Allow(azuretest.SAS("secret"), unlisted)
		e := examineWhole(t, testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, storage.SASConnection("secret", "rc")))
		row := e.in(t, report.Records, "read")
		row.mustBe(t, report.Warning, says)
		row.mustBe(t, report.Warning, "--permissions rcl ")
		row.mustBe(t, report.Warning, "; npx nx-azure-cache help NXAC042")
		if e.ExitCode != 0 || e.Records.Recent != nil || !e.Records.Stores {
			t.Errorf("got %d and %+v", e.ExitCode, e.Records)
		}
	})
	t.Run("identity", func(t *testing.T) {
		storage, connection := testenv.StartStorage(t)
		storage.Service.Allow(azuretest.KeyOf(testenv.StorageAccount), unlisted)
		row := examineWhole(t, testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)).in(t, report.Records, "read")
		row.mustBe(t, report.Warning, says)
		row.mustBe(t, report.Warning, `the role "Nx cache read" on the container (data actions blobs/read), without a condition that forbids listing; npx nx-azure-cache help NXAC041`)
	})
}

// A list without a response says nothing about the cache.
func TestDoctorListGetsNoResponse(t *testing.T) {
	for name, fault := range map[string]faults.Fault{
		"no response": {Method: http.MethodGet, Action: faults.Reset},
		"a 500":       {Method: http.MethodGet, Action: faults.Fail, Status: http.StatusInternalServerError, Code: "InternalError"},
	} {
		t.Run(name, func(t *testing.T) {
			storage, connection := testenv.StartStorage(t)
			environment := testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)
			e := newExamination(config.Load(environment.Get, &config.Overrides{IsSet: func(string) bool { return false }}), testenv.Version)
			storage.Service.AddFault(fault)
			r := report.Report{}
			examineRecords(t.Context(), e, &r)
			r.Conclude(true)
			found := examined{Report: r}
			found.in(t, report.Records, "read").mustBe(t, report.Skipped, "not listed: ")
			if r.ExitCode != 0 || r.Records.Recent != nil {
				t.Errorf("got %d and %+v", r.ExitCode, r.Records)
			}
		})
	}
}

// Public blobs can be read without a credential, but not listed.
func TestDoctorListsNothingAnonymously(t *testing.T) {
	storage, connection := testenv.StartStorage(t)
	environment := testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)
	e := newExamination(config.Load(environment.Get, &config.Overrides{IsSet: func(string) bool { return false }}), testenv.Version)
	e.isAnonymous = true
	storage.Service.AddFault(faults.Fault{Action: faults.Fail, Status: http.StatusNotFound, Code: "ResourceNotFound"})
	r := report.Report{}
	examineRecords(t.Context(), e, &r)
	found := examined{Report: r}
	found.in(t, report.Records, "write").mustBe(t, report.OK, "not stored: anonymous requests cannot write")
	found.in(t, report.Records, "read").mustBe(t, report.OK, "anonymous requests cannot list: explain knows only the last run of this machine")
}

// Where the storage cannot be used, nothing is listed.
func TestDoctorSkipsRecords(t *testing.T) {
	_, connection := testenv.StartStorage(t)
	e := examineWhole(t, testenv.LicensedEnv(t, testenv.MainRun, `{"container": "nothing-here"}`, connection))
	if got := e.statuses(report.Records); !maps.Equal(got, map[string]report.Status{string(report.Records): report.Skipped}) || e.Records != nil {
		t.Errorf("got %v and %+v", got, e.Records)
	}
}
