package doctor

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// A response may contain terminal escape sequences.
func TestDoctorShowsNoControls(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-ms-error-code"] = []string{"Odd\u009b31m"}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	stdout, code, err := doctorCommand(t.Context(), testenv.WorkspaceEnv(t, testenv.PullRun, testenv.PlainConfig, testenv.ConnectionStringFor(server.Listener.Addr().String())), "--security")
	if err != nil || code != report.ExitUntried || !strings.Contains(stdout, "refused to get (403)") || strings.Contains(stdout, "\u009b") {
		t.Errorf("got %q and %v, want no controls", stdout, err)
	}
}

// unstable matches the parts of the output that differ from run to run.
var unstable = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{canaries, "canary-RANDOM"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "http://HOST"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`request [0-9a-f-]{36}`), "request ID"},
	{regexp.MustCompile(`(?i)("[a-z]*seconds"): -?[0-9.e-]+`), "$1: TIME"},
}

// compare compares text with a file in testdata.
func compare(t *testing.T, file, text string) {
	t.Helper()
	for _, u := range unstable {
		text = u.pattern.ReplaceAllString(text, u.text)
	}
	path := "testdata/doctor/" + file
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal([]byte(text), want) {
		t.Errorf("got %s\nwant %s, %v (go test -update writes it)", text, want, err)
	}
}

func TestDoctorOutput(t *testing.T) {
	secrets := regexp.MustCompile(`TOPSECRET|Eby8vdM02|` + testenv.AccountKey)
	for _, test := range []struct {
		file string
		run  testenv.Env
		sas  azuretest.Rights
		args []string
	}{
		{"pull-request.json", testenv.PullRun, azuretest.Rights{Read: true, Create: true}, []string{"--security", "--json"}},
		{"pull-request.txt", testenv.PullRun, azuretest.Rights{Read: true, Create: true}, []string{"--security"}},
		{"main.txt", testenv.MainRun, azuretest.FullRights(), []string{"--security"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.SAS("TOPSECRET"), test.sas)
			stdout, _, err := doctorCommand(t.Context(), testenv.WorkspaceEnv(t, test.run, testenv.PlainConfig, storage.SASConnection("TOPSECRET", "rc")), test.args...)
			compare(t, test.file, stdout)
			if err != nil || secrets.MatchString(stdout) {
				t.Errorf("got %v and a secret in %s", err, stdout)
			}
			if strings.ContainsAny(stdout, "\x1b✓✗") {
				t.Errorf("got %s, want plain words", stdout)
			}
		})
	}
}

// timings matches the times in the output.
var timings = regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s)\b|\d+(\.\d+)? [KMG]?B/s`)

// secretsEverywhere sets a secret in each variable that may hold one.
func secretsEverywhere(t *testing.T, environment testenv.Env) {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	environment[trust.SigningKeyVariable] = string(key.PEM())
	for _, name := range []string{
		"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SYSTEM_ACCESSTOKEN", "NX_CLOUD_ACCESS_TOKEN",
		"NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_HEADER", "MSI_SECRET", config.SASVariable,
	} {
		environment[name] = "https://TOPSECRET:TOPSECRET@127.0.0.1:1/?sig=TOPSECRET"
	}
	for name, value := range environment { // because the sign-in reads the environment of the process
		if strings.Contains(value, "TOPSECRET") && name != config.ConnectionVariable {
			t.Setenv(name, value)
		}
	}
}

func TestDoctorWholeOutput(t *testing.T) {
	secrets := regexp.MustCompile(`TOPSECRET|Eby8vdM02|PRIVATE KEY|` + testenv.AccountKey)
	for _, test := range []struct {
		file   string
		run    testenv.Env
		config string
		sas    azuretest.Rights
		args   []string
	}{
		{"whole.txt", testenv.MainRun, testenv.PlainConfig, azuretest.FullRights(), nil},
		{"whole-wrong.txt", testenv.MainRun, `{"container": "No", "prefix": "/", "endpoint": "?sig=TOPSECRET"}`, azuretest.FullRights(), nil},
		{"whole-read-only.txt", testenv.PullRun, testenv.PlainConfig, azuretest.Rights{Read: true}, nil},
		{"whole-wrong.json", testenv.MainRun, `{"container": "nothing-here"}`, azuretest.FullRights(), []string{"--json"}},
	} {
		t.Run(test.file, func(t *testing.T) {
			storage, _ := testenv.StartStorage(t)
			storage.Service.Allow(azuretest.SAS("TOPSECRET"), test.sas)
			environment := testenv.LicensedEnv(t, test.run, test.config, storage.SASConnection("TOPSECRET", "rc"))
			environment[trust.SigningKeyVariable] = ""
			stdout, _, err := doctorCommand(t.Context(), environment, test.args...)
			compare(t, test.file, timings.ReplaceAllString(stdout, "TIME"))
			if err != nil || secrets.MatchString(stdout) {
				t.Errorf("got %v and a secret in %s", err, stdout)
			}
			secretsEverywhere(t, environment)
			if stdout, _, err := doctorCommand(t.Context(), environment, test.args...); err != nil || secrets.MatchString(stdout) {
				t.Errorf("got %v and a secret in %s", err, stdout)
			}
			token := strings.Split(testenv.License(t, "valid.jwt"), ".")
			if strings.Contains(stdout, token[2]) {
				t.Errorf("got the license in %s", stdout)
			}
		})
	}
}

// Foreign strings may contain terminal escape sequences.
func TestDoctorWholeShowsNoControls(t *testing.T) {
	_, connection := testenv.StartStorage(t)
	environment := testenv.Tell(t, testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection), func(document map[string]any) {
		document["launcher"] = config.Launcher{Version: testenv.Version, Checks: []config.LauncherCheck{{Part: "versions", ID: "nx", Check: "Nx", Status: "ok", Seen: "24\u009b31m", Fix: "x\x1b[2J"}}}
	})
	stdout, _, _ := doctorCommand(t.Context(), environment)
	if !strings.Contains(stdout, "24") || strings.ContainsAny(stdout, "\u009b\x1b") {
		t.Errorf("got %q, want no controls", stdout)
	}
}
