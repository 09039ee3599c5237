package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// openWith opens a session with a license and claims.
func openWith(t testing.TB, config string, real testenv.Env, ci bool, list []rpc.Claim) rpc.Session {
	t.Helper()
	return openSession(rpc.InitializeParams{Config: json.RawMessage(config), CI: ci, WorkspaceRoot: t.TempDir(), Claims: list},
		testenv.With(testenv.Env{license.Variable: testenv.License(t, "valid.jwt")}, real).Get, testenv.During)
}

// A run whose scope a claim would change writes nothing, reads only trusted results, and
// reports that in one line.
func TestRunOfTwoScopes(t *testing.T) {
	for mode, want := range map[string]string{
		"read-write": "the remote cache stores nothing in this run: GITHUB_ACTIONS of .env would change its scope from local to trusted",
		"read-only":  "the remote cache reads only trusted results in this run: GITHUB_ACTIONS of .env would change its scope from local to trusted",
	} {
		config := `{"container": "artifacts", "accountName": "nxcache", "localMode": "` + mode + `"}`
		session := openWith(t, config, testenv.Env{}, false, wireClaims(testenv.Attacks["GitHub's four variables"]))
		if session.Cache == nil || session.Mode != cache.ReadOnly || session.Scope != "untrusted" || !strings.Contains(session.ScopeReason, "GITHUB_ACTIONS of .env") {
			t.Errorf("%s: got %+v", mode, session)
		}
		if len(stringsOf(session)) != 1 || !strings.HasPrefix(stringsOf(session)[0], want) {
			t.Errorf("%s: got %q, want %q", mode, stringsOf(session), want)
		}
	}
	session := openWith(t, `{"container": "artifacts", "accountName": "nxcache", "trust": {"isolation": "none"}}`, testenv.Env{}, false, wireClaims(testenv.Attacks["CI=true and a ref"]))
	if session.Scope != "shared" || len(stringsOf(session)) != 2 || !strings.HasPrefix(stringsOf(session)[1], trust.RefVariable+" of .env is ignored") {
		t.Errorf("without scopes: got %s, %q", session.Scope, stringsOf(session))
	}
}

// claimsOfRun returns the claims that the npm package makes of a .env file with lines
// NAME=VALUE. If the system does not show which variables the environment had before
// (isKnown), each variable in the file is a claim.
func claimsOfRun(run testenv.RecordedRun, file string, isKnown bool) (list []rpc.Claim, real testenv.Env, ci bool) {
	real, ci = maps.Clone(run.Env), run.CI
	for line := range strings.Lines(file) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !isKnown {
			delete(real, name)
		}
		value = cmp.Or(run.Env[name], value) // a file does not replace it
		if value != "" && real[name] == "" && name != license.Variable {
			list = append(list, rpc.Claim{Name: name, Value: value, File: ".env"})
		}
	}
	if !isKnown {
		ci = trust.IsCI(real.Get)
	}
	return list, real, ci
}

// FuzzDotenv checks that no .env file in any environment lets a run write more scopes, or
// lets more runs read its results.
func FuzzDotenv(f *testing.F) {
	runs := testenv.RecordedRuns(f)
	token := testenv.License(f, "valid.jwt")
	for _, attack := range testenv.Attacks {
		var lines []string
		for name, value := range attack {
			lines = append(lines, name+"="+value)
		}
		for i := 0; i < len(runs); i += 7 { // TestClaimsRaiseNothing has all
			f.Add(uint(i), strings.Join(lines, "\n"), true)
			f.Add(uint(i), strings.Join(append(lines, slices.Sorted(maps.Keys(runs[i].Env))...), "=x\n"), false)
		}
	}
	for mode := range map[string]bool{"read-write": true, "no-cache": true, "read": true} {
		f.Add(uint(0), config.ModeVariable+"="+mode, true)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, index uint, text string, isKnown bool) {
		run := runs[index%uint(len(runs))]
		list, real, ci := claimsOfRun(run, text, isKnown)
		branches, _ := json.Marshal(run.Branches) // null means unset
		params := rpc.InitializeParams{
			Config:        json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "trust": {"branches": ` + string(branches) + `}}`),
			CI:            run.CI,
			DefaultBase:   run.DefaultBase,
			WorkspaceRoot: root,
		}
		if !isKnown {
			params.CI = trust.IsCI(run.Env.Get)
		}
		without := openSession(params, testenv.With(run.Env, testenv.Env{license.Variable: token}).Get, testenv.During)
		if without.Cache == nil {
			t.Fatal(without.Reason)
		}
		params.Claims, params.CI = list, ci
		got := openSession(params, testenv.With(real, testenv.Env{license.Variable: token}).Get, testenv.During)
		if got.Cache == nil {
			return // turned off, or an invalid connection string
		}
		if got.Scope != without.Scope && got.Scope != string(trust.Untrusted) {
			t.Errorf("%s with %q is %s, not %s", run.Name, text, got.Scope, without.Scope)
		}
		writes := func(mode cache.Mode) int { return cmp.Compare(mode, cache.ReadOnly) } // read-write is last
		if writes(got.Mode) > writes(without.Mode) {
			t.Errorf("%s with %q may %s, not %s", run.Name, text, got.Mode, without.Mode)
		}
		if got.Scope == string(trust.Untrusted) && got.Mode != cache.ReadOnly {
			t.Errorf("%s with %q writes as %s", run.Name, text, got.Scope)
		}
		for _, line := range stringsOf(got) {
			testenv.CheckLine(t, line)
		}
	})
}

// documentWith returns the document that the npm package passes to a command.
func documentWith(t *testing.T, list []rpc.Claim) string {
	t.Helper()
	text, err := json.Marshal(config.Document{Config: json.RawMessage(testenv.GoodConfig), WorkspaceRoot: t.TempDir(), Claims: fromWire(list)})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClaimsInCommands(t *testing.T) {
	const said = "nx-azure-cache: NX_AZURE_CACHE_SAS_URL of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"
	ignored := diagnostic.Line(diagnostic.FileIgnored, said) + "\n"
	sas := rpc.Claim{Name: config.SASVariable, Value: "https://evil.example/?sig=hunter2", File: ".env"}
	connection := rpc.Claim{Name: config.ConnectionVariable, Value: testenv.ConnectionString, File: ".env"}
	where, stderr, err := readWith(t, testenv.Env{config.WorkspaceVariable: documentWith(t, []rpc.Claim{sas, connection})})
	used := diagnostic.Line(diagnostic.ConnectionFromFile, "nx-azure-cache: AZURE_STORAGE_CONNECTION_STRING of .env decides the account and the sign-in of the remote cache, not azure.accountName in nx.json. "+
		"If it is your application's, set azure.credential in nx.json to the sign-in of the cache. If it is the cache's, call it NX_AZURE_CACHE_CONNECTION_STRING") + "\n"
	if err != nil || stderr != used+ignored || where.Settings.SASURL != "" || where.Settings.ConnectionString != testenv.ConnectionString {
		t.Errorf("got %+v, %q, %v, want the connection string and the line", where.Settings, stderr, err)
	}
	where, _, err = readWith(t, testenv.Env{config.WorkspaceVariable: documentWith(t, wireClaims(testenv.Attacks["GitHub's four variables"]))})
	if err != nil || where.Policy.Scope != trust.Untrusted {
		t.Errorf("got %+v, %v, want it untrusted", where.Policy, err)
	}

	token := rpc.Claim{Name: license.Variable, Value: testenv.License(t, "valid.jwt"), File: ".env"}
	stdout, stderr, err := runWith(t, testenv.Env{config.WorkspaceVariable: documentWith(t, []rpc.Claim{sas, token})}, "license", "status")
	if err != nil || stderr != ignored || !strings.Contains(stdout, "Example GmbH") {
		t.Errorf("license status: got %q, %q, %v", stdout, stderr, err)
	}
	key := rpc.Claim{Name: trust.SigningKeyVariable, Value: string(testenv.NewSigningKey(t).PEM()), File: ".env"}
	stdout, stderr, err = runWith(t, testenv.Env{config.WorkspaceVariable: documentWith(t, []rpc.Claim{key})}, "keys", "show")
	if err == nil || stdout != "" || !strings.Contains(stderr, "NX_AZURE_CACHE_SIGNING_KEY of .env is ignored") {
		t.Errorf("keys show: got %q, %q, %v", stdout, stderr, err)
	}
}

// wireClaims are the claims of a file .env, as the npm package sends them.
func wireClaims(variables testenv.Env) (list []rpc.Claim) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		list = append(list, rpc.Claim{Name: name, Value: variables[name], File: ".env"})
	}
	return list
}
