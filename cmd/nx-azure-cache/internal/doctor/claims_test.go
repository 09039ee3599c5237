package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// doctor names ignored claims without their values.
func TestDoctorShowsClaims(t *testing.T) {
	variables := testenv.With(testenv.Attacks["GitHub's four variables"], testenv.Env{config.SASVariable: "hunter2", "AZURE_CLIENT_ID": "hunter2", "HTTPS_PROXY": "http://x:hunter2@x", "DATABASE_URL": "hunter2"})
	document := config.Document{Config: json.RawMessage(testenv.GoodConfig), WorkspaceRoot: t.TempDir()}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		document.Claims = append(document.Claims, claims.Claim{Name: name, Value: variables[name], File: ".env"})
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	e := newExamination(config.Load(testenv.Env{config.WorkspaceVariable: string(text)}.Get, new(config.Overrides{IsSet: func(string) bool { return false }})), testenv.Version)
	var r report.Report
	examineConfig(t.Context(), e, &r)
	shown := fmt.Sprintf("%+v", r)
	for _, want := range []string{
		"NX_AZURE_CACHE_SAS_URL of .env is ignored: a checkout could set it.",
		"AZURE_CLIENT_ID of .env and HTTPS_PROXY of .env are ignored: a checkout could set them; the cache works without",
		"GITHUB_ACTIONS of .env would change its scope from local to trusted",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("doctor does not print %q:\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, "DATABASE_URL") {
		t.Errorf("doctor prints a value:\n%s", shown)
	}
}

// A row about a line of a run names the code of that line.
func TestDoctorRowsNameCodes(t *testing.T) {
	_, connection := testenv.StartStorage(t)
	environment := testenv.Tell(t, testenv.LicensedEnv(t, testenv.MainRun, `{"container": "artifacts", "trust": {"isolation": "none"}}`, connection), func(document map[string]any) {
		document["claims"] = []claims.Claim{{Name: config.VerifyVariable, Value: "100%", File: ".env"}}
	})
	environment[license.Variable] = "rubbish"
	e := examineWhole(t, environment)
	e.in(t, report.Config, "dotenv").mustBe(t, report.Warning, "NX_AZURE_CACHE_VERIFY of .env is ignored")
	for _, row := range []row{e.in(t, report.Config, "dotenv"), e.in(t, report.Config, "run"), e.in(t, report.License, "license")} {
		if !strings.Contains(row.Fix, "; npx nx-azure-cache help NXAC") {
			t.Errorf("got %+v, want a fix with the code", row.Check)
		}
	}
}
