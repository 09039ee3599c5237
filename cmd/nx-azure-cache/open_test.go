package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// cases are the licenses that the tests in both languages share.
func cases(t *testing.T) (cases []licenseCase) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testenv.LicenseFolder, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("cases.json is empty")
	}
	return cases
}

type licenseCase struct {
	Name, Token, Status, Organization, ExpiresAt string
	Now                                          time.Time
}

func TestLicenses(t *testing.T) {
	for _, test := range cases(t) {
		t.Run(test.Name, func(t *testing.T) {
			token := testenv.License(t, test.Token)
			session := openSession(rpc.InitializeParams{Config: json.RawMessage(testenv.GoodConfig), CI: false, WorkspaceRoot: t.TempDir()}, testenv.Env{license.Variable: token}.Get, test.Now)
			want := rpc.LicenseResult{Status: test.Status, Organization: test.Organization, ExpiresAt: test.ExpiresAt}
			if session.License != want {
				t.Errorf("got %+v, want %+v", session.License, want)
			}
			if session.Mode != cache.ReadWrite {
				t.Errorf("got the mode %q, want %q", session.Mode, cache.ReadWrite)
			}
			valid := test.Status == "valid"
			if (session.Cache != nil) != valid || (session.Reason == "") != valid || (session.Scope == string(trust.Local)) != valid {
				t.Errorf("got the cache %v, the scope %q and the reason %q for a license that is %s",
					session.Cache, session.Scope, session.Reason, test.Status)
			}
			if !valid && !strings.Contains(session.Reason, license.Variable) {
				t.Errorf("got the reason %q, want the place of the license", session.Reason)
			}
			if strings.Contains(session.Reason, "\n") || strings.Contains(session.Reason, token) {
				t.Errorf("got the reason %q, want one line without the license", session.Reason)
			}
		})
	}
}

func TestNoLicense(t *testing.T) {
	root := t.TempDir()
	session := openSession(rpc.InitializeParams{Config: json.RawMessage(testenv.GoodConfig), CI: false, WorkspaceRoot: root}, testenv.Env{}.Get, testenv.During)
	if session.License.Status != "absent" || session.Cache != nil {
		t.Errorf("got %+v, want an absent license and no cache", session)
	}
	for _, want := range []string{license.Variable, license.File, root} {
		if !strings.Contains(session.Reason, want) {
			t.Errorf("got the reason %q, want it to name %s", session.Reason, want)
		}
	}
}

func TestLicenseInTheWorkspace(t *testing.T) {
	root := t.TempDir()
	testenv.WriteLicense(t, root)
	if got := openSession(rpc.InitializeParams{Config: json.RawMessage(testenv.GoodConfig), CI: false, WorkspaceRoot: root}, testenv.Env{}.Get, testenv.During); got.Cache == nil {
		t.Errorf("got %+v, want a cache", got)
	}
	beside := testenv.Env{license.Variable: testenv.License(t, "expired.jwt")}
	if got := openSession(rpc.InitializeParams{Config: json.RawMessage(testenv.GoodConfig), CI: false, WorkspaceRoot: root}, beside.Get, testenv.During); got.License.Status != "valid" {
		t.Errorf("got %+v, want the valid license", got.License)
	}
}

func TestPerpetualLicense(t *testing.T) {
	for version, want := range map[string]string{"20.0.6": "valid", "24.0.6": "valid", "25.0.0": "expired", "": "expired"} {
		params := rpc.InitializeParams{Config: json.RawMessage(testenv.GoodConfig), WorkspaceRoot: t.TempDir(), NxVersion: version}
		got := openSession(params, testenv.Env{license.Variable: testenv.License(t, "perpetual.jwt")}.Get, testenv.During)
		if got.License.Status != want || (got.Cache != nil) != (want == "valid") {
			t.Errorf("Nx %q: got %+v, %s, want %s", version, got.License, got.Reason, want)
		}
	}
}

func TestLicenseExpiresSoon(t *testing.T) {
	end := time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		before time.Duration
		want   int
	}{
		"in 15 days":  {15 * 24 * time.Hour, 0},
		"in 14 days":  {14 * 24 * time.Hour, 1},
		"in a second": {time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			config := `{"container": "artifacts", "accountName": "nxcache", "contaner": "nx"}` // which also causes a warning
			session := openSession(rpc.InitializeParams{Config: json.RawMessage(config), CI: false, WorkspaceRoot: t.TempDir()}, testenv.Env{license.Variable: testenv.License(t, "valid.jwt")}.Get, end.Add(-test.before))
			if session.Cache == nil || len(stringsOf(session)) != 1+test.want {
				t.Fatalf("got %+v, want a cache and %d more warnings", session, test.want)
			}
			if test.want > 0 && !strings.Contains(stringsOf(session)[1], "2126-01-01") {
				t.Errorf("got %q, want the day", stringsOf(session)[1])
			}
		})
	}
}

// The reason names all problems at once, on one line.
func TestReasons(t *testing.T) {
	session := openSession(rpc.InitializeParams{Config: json.RawMessage(`{"accountName": "X", "contaner": "nx"}`), CI: false, WorkspaceRoot: t.TempDir()}, testenv.Env{}.Get, testenv.During)
	if session.Cache != nil || session.Scope != "" {
		t.Errorf("got %+v, want no cache", session)
	}
	for _, want := range []string{"license", "azure.accountName", "azure.container"} {
		if !strings.Contains(session.Reason, want) {
			t.Errorf("got the reason %q, want it to name %s", session.Reason, want)
		}
	}
	if strings.Contains(session.Reason, "\n") {
		t.Errorf("got the reason %q, want one line", session.Reason)
	}
	if len(stringsOf(session)) != 1 {
		t.Errorf("got the warnings %q, want one about contaner", stringsOf(session))
	}
}

func TestUnusableConnectionString(t *testing.T) {
	for name, text := range map[string]string{
		"no pairs":                 "junk",
		"only a key":               testenv.AccountKey,
		"no key":                   "DefaultEndpointsProtocol=https;AccountName=nxcache;EndpointSuffix=core.windows.net",
		"no account":               "AccountKey=" + testenv.AccountKey,
		"a key that is not base64": "AccountName=nxcache;AccountKey=?" + testenv.AccountKey,
		"a SAS for an endpoint":    "BlobEndpoint=https://nxcache.blob.core.windows.net%zz/?sig=" + testenv.AccountKey,
		"key and value swapped":    testenv.AccountKey + "=AccountKey",
	} {
		t.Run(name, func(t *testing.T) {
			environment := testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: text}
			session := openSession(rpc.InitializeParams{Config: json.RawMessage(testenv.GoodConfig), CI: false, WorkspaceRoot: t.TempDir()}, environment.Get, testenv.During)
			if session.Cache != nil {
				t.Fatal("got a cache, want none")
			}
			if !strings.Contains(session.Reason, "connection string") || strings.Contains(session.Reason, testenv.AccountKey[:20]) {
				t.Errorf("got the reason %q, want one about the connection string without its key", session.Reason)
			}
		})
	}
}

func TestNoCache(t *testing.T) {
	session := openSession(rpc.InitializeParams{Config: json.RawMessage(`[]`), CI: true, WorkspaceRoot: "/nowhere"}, testenv.Env{config.ModeVariable: "no-cache", license.Variable: "junk"}.Get, testenv.During)
	if session.Cache != nil || session.Mode != cache.NoCache || session.Reason != "the mode is no-cache" || stringsOf(session) != nil {
		t.Errorf("got %+v, want the mode no-cache and nothing else", session)
	}
	if session.License != (rpc.LicenseResult{}) {
		t.Errorf("got the license %+v, want it not checked", session.License)
	}
}

// stringsOf returns the warnings of a session without their codes.
func stringsOf(session rpc.Session) []string { return diagnostic.Strings(session.Warnings) }
