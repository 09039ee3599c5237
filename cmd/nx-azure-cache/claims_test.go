package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// dotenv are the claims of a file .env.
func dotenv(variables env) (list []rpc.Claim) {
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		list = append(list, rpc.Claim{Name: name, Value: variables[name], File: ".env"})
	}
	return list
}

// openWith opens a session with a licence and claims.
func openWith(t testing.TB, config string, real env, ci bool, list []rpc.Claim) rpc.Session {
	t.Helper()
	return open(rpc.InitializeParams{Config: json.RawMessage(config), CI: ci, WorkspaceRoot: t.TempDir(), Claims: list},
		with(env{license.Variable: readToken(t, "valid.jwt")}, real).get, during)
}

func TestWhichClaimsCount(t *testing.T) {
	claimed := env{
		connectionVariable: connectionString, ownConnectionVariable: connectionString, license.Variable: "a licence", modeVariable: "read-only",
		sasVariable: "x", credentialVariable: "azure-cli", trust.SigningKeyVariable: "x", trust.RefVariable: "refs/heads/main", workspaceVariable: "{}",
		logVariable: "debug", logFileVariable: "/x", "HTTPS_PROXY": "http://x", "SSL_CERT_FILE": "/x", "AZURE_CLIENT_ID": "x", "PATH": "/x", "GOMEMLIMIT": "1",
	}
	getenv := newClaims(dotenv(claimed)).over(env{}.get)
	for name, value := range claimed {
		want := ""
		if slices.Contains([]string{connectionVariable, ownConnectionVariable, license.Variable, modeVariable}, name) {
			want = value
		}
		if got := getenv(name); got != want {
			t.Errorf("%s of .env: got %q, want %q", name, got, want)
		}
	}
	getenv = newClaims(dotenv(claimed)).over(env{connectionVariable: "real", modeVariable: "no-cache"}.get)
	if got := getenv(connectionVariable) + getenv(modeVariable); got != "realno-cache" {
		t.Errorf("got %q, want the environment", got)
	}
	for _, claim := range []rpc.Claim{
		{Name: modeVariable, Value: " read-write "},
		{Name: connectionVariable, Value: connectionString, IsEmpty: true},
		{Name: "\x1b[31m", Value: "x"},
	} {
		if got := newClaims([]rpc.Claim{claim}).over(env{}.get)(claim.Name); got != "" {
			t.Errorf("%+v: got %q", claim, got)
		}
	}
}

// attacks are what a pull request may put into its .env file.
var attacks = map[string]env{
	"GitHub's four variables": {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_PROTECTED": "true"},
	"CI=false":                {"CI": "false"},
	"CI=true and a ref":       {"CI": "true", trust.RefVariable: "refs/heads/main"},
	"BRANCH_NAME":             {"BRANCH_NAME": "main"},
	"GIT_BRANCH":              {"GIT_BRANCH": "main", "BRANCH_NAME": "main"},
	"an Azure pull request":   {"SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "99"},
	"a pull request's id":     {"SYSTEM_PULLREQUEST_PULLREQUESTID": "99"},
	"a CircleCI pull request": {"CIRCLE_PR_NUMBER": "99"},
	"its address":             {"CIRCLE_PULL_REQUEST": "https://github.com/acme/shop/pull/99"},
	"a change":                {"CHANGE_ID": "99"},
	"a merge request":         {"CI_MERGE_REQUEST_IID": "99"},
	"Bitbucket's":             {"BITBUCKET_PR_ID": "99"},
	"Buildkite's":             {"BUILDKITE_PULL_REQUEST": "99"},
	"a tag":                   {"TAG_NAME": "v1", "CI_COMMIT_TAG": "v1", "CIRCLE_TAG": "v1", "BUILDKITE_TAG": "v1", "BITBUCKET_TAG": "v1"},
	"Jenkins":                 {"JENKINS_URL": "http://ci/", "BUILD_NUMBER": "1", "BRANCH_NAME": "main"},
	"GitLab":                  {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_PROTECTED": "true"},
	"an event of its own":     {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/dev/stdin"},
}

// recordedRun is one of cache/trust/testdata/environments.json.
type recordedRun struct {
	Name        string
	CI          bool
	Branches    []string
	DefaultBase string
	Env         env
	EventFile   json.RawMessage
}

func recordedRuns(t testing.TB) (all []recordedRun) {
	t.Helper()
	text, err := os.ReadFile("../../cache/trust/testdata/environments.json")
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
		recordedRun{Name: "a developer", Env: env{}},
		recordedRun{Name: "a CI that is not known", CI: true, Env: env{"CI": "true"}},
		recordedRun{Name: "CodeBuild", CI: true, Env: env{"CODEBUILD_BUILD_ID": "shop:1", trust.RefVariable: "refs/pull/12"}},
		recordedRun{Name: "a CI that is not known, with a ref", CI: true, Env: env{"CI": "true", trust.RefVariable: "refs/heads/main"}},
	)
}

func (r recordedRun) branches() trust.Branches {
	if r.Branches == nil {
		return trust.DefaultBranches(r.DefaultBase)
	}
	return trust.ListedBranches(r.Branches...)
}

// With claims a run is who it is without them, or untrusted: then a claim that is not
// set in the environment is to blame.
func TestClaimsRaiseNothing(t *testing.T) {
	changed := make(map[string]int)
	for _, run := range recordedRuns(t) {
		want := trust.Detect(run.CI, run.branches(), run.Env.get)
		for name, attack := range attacks {
			got, blamed := newClaims(dotenv(attack)).detect(run.CI, run.branches(), run.Env.get)
			switch {
			case got.Scope == want.Scope && len(blamed) == 0:
			case got.Scope != trust.Untrusted || len(blamed) == 0:
				t.Errorf("%s with %s: got %s, blaming %v, want %s or %s", run.Name, name, got.Scope, blamed, want.Scope, trust.Untrusted)
			default:
				changed[name]++
			}
			for _, claim := range blamed {
				if run.Env[claim.Name] != "" || !strings.Contains(got.Advice, claim.Name+" of .env ") {
					t.Errorf("%s with %s: blames %v, and says %q", run.Name, name, claim, got.Advice)
				}
			}
		}
	}
	for name := range attacks {
		if changed[name] == 0 {
			t.Errorf("%s changes no run: the test does not bite", name)
		}
	}
}

func TestWhatIsBlamed(t *testing.T) {
	for name, test := range map[string]struct {
		real   env
		ci     bool
		claims env
		scope  string
		blamed string
	}{
		"CI that is not known":      {env{}, true, attacks["GitHub's four variables"], "untrusted", "GITHUB_ACTIONS"},
		"CodeBuild":                 {env{"CODEBUILD_BUILD_ID": "1", trust.RefVariable: "refs/pull/1"}, true, attacks["CI=false"], "untrusted", "CI"},
		"Jenkins":                   {env{"JENKINS_URL": "x", "BUILD_NUMBER": "1"}, true, attacks["BRANCH_NAME"], "untrusted", "BRANCH_NAME"},
		"developer":                 {env{}, false, attacks["GitHub's four variables"], "untrusted", "GITHUB_ACTIONS"},
		"developer, CI=true":        {env{}, false, env{"CI": "true"}, "untrusted", "CI"},
		"pull request, CI=false":    {pullRun, true, attacks["CI=false"], "pr-12", ""},
		"main, an application's":    {mainRun, true, env{"BRANCH_NAME": "main", "DATABASE_URL": "x", "CI": "true"}, "trusted", ""},
		"two that do it, each":      {env{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "x"}, true, env{"CI_MERGE_REQUEST_IID": "9", "CI_EXTERNAL_PULL_REQUEST_IID": "9"}, "untrusted", "CI_MERGE_REQUEST_IID CI_EXTERNAL_PULL_REQUEST_IID"},
		"developer, Nx's isCI 20.0": {env{"JENKINS_URL": "x"}, false, env{"DATABASE_URL": "x"}, "local", ""},
	} {
		t.Run(name, func(t *testing.T) {
			run, blamed := newClaims(dotenv(test.claims)).detect(test.ci, trust.DefaultBranches(""), test.real.get)
			var names []string
			for _, claim := range blamed {
				names = append(names, claim.Name)
			}
			if string(run.Scope) != test.scope || strings.Join(names, " ") != test.blamed {
				t.Errorf("got %s, blaming %q, want %s, %q", run.Scope, names, test.scope, test.blamed)
			}
		})
	}
}

// Where the system does not tell what came from outside, a file can name a variable of
// the CI, so that it counts as absent. With another variable the run may look like
// another one both with and without the claims.
func TestHiddenVariables(t *testing.T) {
	all := env{"CODEBUILD_BUILD_ID": "shop:1", trust.RefVariable: "refs/pull/7"}
	hidden := env{"CI": "false", "CODEBUILD_BUILD_ID": "shop:1"}
	real := env{trust.RefVariable: all[trust.RefVariable]}
	with, without := trust.Detect(false, trust.DefaultBranches(""), with(all, hidden).get), trust.Detect(false, trust.DefaultBranches(""), real.get)
	if with.Scope != trust.Local || without.Scope != trust.Local {
		t.Fatalf("got %s and %s: the test does not bite", with.Scope, without.Scope)
	}
	run, blamed := newClaims(dotenv(hidden)).detect(false, trust.DefaultBranches(""), real.get)
	if run.Scope != trust.Untrusted || len(blamed) != 2 {
		t.Errorf("got %s, blaming %v", run.Scope, blamed)
	}
	many := env{}
	for _, name := range []string{"TF_BUILD", "GITLAB_CI", "CIRCLECI", "BUILDKITE", "JENKINS_URL", "GITHUB_SHA", "GITHUB_REPOSITORY"} {
		many[name] = "x"
	}
	if run, blamed := newClaims(dotenv(many)).detect(true, trust.ListedBranches("main"), mainRun.get); run.Scope != trust.Untrusted || len(blamed) <= maxMattering {
		t.Errorf("many: got %s, blaming %v", run.Scope, blamed)
	}
}

// A claim must not make this process open a file.
func TestNoClaimNamesAFile(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	real := with(mainRun, env{"GITHUB_REF_PROTECTED": "false"})
	if run := trust.Detect(true, trust.ListedBranches("main"), with(real, env{eventVariable: event}).get); run.Scope != trust.Trusted {
		t.Fatalf("got %s from the file: the test does not bite", run.Scope)
	}
	run, blamed := newClaims(dotenv(env{eventVariable: event})).detect(true, trust.ListedBranches("main"), real.get)
	if run.Scope != "readonly-main" || len(blamed) > 0 {
		t.Errorf("got %s, blaming %v, want the file not read", run.Scope, blamed)
	}
}

// Where a file can hide a variable of the CI, it can hide the event, and with it which
// branch is the default one.
func TestHiddenEvent(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	hidden := env{eventVariable: event}
	master := with(mainRun, env{"GITHUB_REF": "refs/heads/master", "GITHUB_REF_PROTECTED": "true"})
	if run := trust.Detect(true, trust.DefaultBranches(""), with(master, hidden).get); run.Scope != "readonly-master" {
		t.Fatalf("got %s with the event", run.Scope)
	}
	run, blamed := newClaims(dotenv(hidden)).detect(true, trust.DefaultBranches(""), master.get)
	if run.Scope != trust.Untrusted || len(blamed) != 1 || blamed[0].Name != eventVariable {
		t.Errorf("got %s, blaming %v", run.Scope, blamed)
	}
	// The event may say that this is a fork, so that it matters for listed branches, too.
	run, blamed = newClaims(dotenv(hidden)).detect(true, trust.ListedBranches("master"), master.get)
	if run.Scope != trust.Untrusted || len(blamed) != 1 || blamed[0].Name != eventVariable {
		t.Errorf("listed: got %s, blaming %v", run.Scope, blamed)
	}
}

// A run in which a claim would change who it is writes nothing, reads what is
// trusted, and says so in one line.
func TestRunOfTwoScopes(t *testing.T) {
	for mode, want := range map[string]string{
		"read-write": "the remote cache stores nothing in this run: GITHUB_ACTIONS of .env would change its scope from local to trusted",
		"read-only":  "the remote cache reads trusted results only in this run: GITHUB_ACTIONS of .env would change its scope from local to trusted",
	} {
		config := `{"container": "artifacts", "accountName": "nxcache", "localMode": "` + mode + `"}`
		session := openWith(t, config, env{}, false, dotenv(attacks["GitHub's four variables"]))
		if session.Cache == nil || session.Mode != cache.ReadOnly || session.Scope != "untrusted" || !strings.Contains(session.ScopeReason, "GITHUB_ACTIONS of .env") {
			t.Errorf("%s: got %+v", mode, session)
		}
		if len(session.Warnings) != 1 || !strings.HasPrefix(session.Warnings[0], want) {
			t.Errorf("%s: got %q, want %q", mode, session.Warnings, want)
		}
	}
	session := openWith(t, `{"container": "artifacts", "accountName": "nxcache", "trust": {"isolation": "none"}}`, env{}, false, dotenv(attacks["CI=true and a ref"]))
	if session.Scope != "shared" || len(session.Warnings) != 2 || !strings.HasPrefix(session.Warnings[1], trust.RefVariable+" of .env is ignored") {
		t.Errorf("without scopes: got %s, %q", session.Scope, session.Warnings)
	}
}

func TestWhatIsSaidOfClaims(t *testing.T) {
	for name, test := range map[string]struct {
		list []rpc.Claim
		mode cache.Mode
		want string // the lines, joined
	}{
		"ours": {dotenv(env{trust.RefVariable: "refs/heads/main"}), cache.ReadWrite,
			"NX_AZURE_CACHE_REF of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"two of ours": {[]rpc.Claim{{Name: "NX_AZURE_CACHE_LOG", Value: "debug", File: ".env.local"}, {Name: "NX_AZURE_CACHE_BINARY", Value: "x"}}, cache.ReadWrite,
			"NX_AZURE_CACHE_BINARY (set inside Nx) and NX_AZURE_CACHE_LOG of .env.local are ignored: a checkout could set them. Set them in the environment of the CI job instead"},
		"those of an application": {dotenv(env{"AZURE_CLIENT_ID": "x", "HTTPS_PROXY": "x", "CI": "true", "NX_VERBOSE_LOGGING": "true"}), cache.ReadWrite, ""},
		"those that count":        {dotenv(env{connectionVariable: "x", license.Variable: "x", modeVariable: "read-only"}), cache.ReadOnly, ""},
		"the mode that it is":     {dotenv(env{modeVariable: "read-write"}), cache.ReadWrite, ""},
		"a higher mode": {dotenv(env{modeVariable: "read-write"}), cache.ReadOnly,
			"NX_POWERPACK_CACHE_MODE of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"what is empty": {[]rpc.Claim{{Name: connectionVariable, Value: "x", File: ".env", IsEmpty: true}}, cache.ReadWrite,
			"AZURE_STORAGE_CONNECTION_STRING of .env is ignored: the environment sets it to an empty value, which a .env file cannot fill. Set a value there, or unset it"},
		"names of no variable":  {[]rpc.Claim{{Name: "NX_AZURE_CACHE_\x1b[31m", Value: "x", File: ".env"}}, cache.ReadWrite, ""},
		"a file with any name":  {[]rpc.Claim{{Name: "NX_AZURE_CACHE_X", Value: "x", File: ".env.\x1b[31m"}}, cache.ReadWrite, "NX_AZURE_CACHE_X of a .env file is ignored: a checkout could set it. Set it in the environment of the CI job instead"},
		"an application's Nx":   {dotenv(env{"NX_CLI_SET": "true"}), cache.ReadWrite, ""},
		"nothing that is there": {nil, cache.ReadWrite, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(newClaims(test.list).warnings(test.mode, nil), "\n"); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
	claim := rpc.Claim{Name: connectionVariable, Value: connectionString, File: ".env"}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", claim, claim, claim, claim, claim, claim), fmt.Sprintf("%+v", settings{claims: newClaims([]rpc.Claim{claim})})} {
		if strings.Contains(text, accountKey) {
			t.Errorf("%s shows a value", text)
		}
	}
}

// What an application has for itself is named where a request fails, and only there.
func TestClaimsExplainFailures(t *testing.T) {
	list := newClaims(dotenv(env{"AZURE_CLIENT_ID": "secret-id", "https_proxy": "x", "NODE_EXTRA_CA_CERTS": "x", "DATABASE_URL": "x", connectionVariable: "x"}))
	memory := new(cachetest.Memory)
	s := settings{accountName: "acme", claims: list}
	blobs := s.explain(memory)
	if _, err := blobs.Get(t.Context(), "x"); !errors.Is(err, cache.ErrNotFound) || strings.Contains(err.Error(), "AZURE") {
		t.Errorf("got %v, want it as it is", err)
	}
	failing := errors.New("nobody is signed in")
	err := explainedBlobs{memory, blobs.(explainedBlobs).hint}.explained(&cache.ConfigError{Err: failing})
	const want = "nobody is signed in (the account is that of azure.accountName in nx.json; AZURE_CLIENT_ID of .env and NODE_EXTRA_CA_CERTS of .env and https_proxy of .env are ignored: a checkout could set them; if the cache needs them, set them in the environment)"
	if _, isConfig := errors.AsType[*cache.ConfigError](err); err == nil || err.Error() != want || !isConfig {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	s.claims = newClaims(dotenv(env{"DATABASE_URL": "x"}))
	if hint := s.explain(memory).(explainedBlobs).hint; hint != "the account is that of azure.accountName in nx.json" {
		t.Errorf("a database explains why requests fail: %s", hint)
	}
}

// claimsOf is what the npm package makes of a run with a .env file, of lines NAME=VALUE.
// Where the system does not tell what came from outside (isKnown), each variable that
// the file names is a claim.
func claimsOf(run recordedRun, file string, isKnown bool) (list []rpc.Claim, real env, ci bool) {
	real, ci = maps.Clone(run.Env), run.CI
	for line := range strings.Lines(file) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !isKnown {
			delete(real, name)
		}
		value = cmp.Or(run.Env[name], value) // a file does not replace
		if value != "" && real[name] == "" && name != license.Variable {
			list = append(list, rpc.Claim{Name: name, Value: value, File: ".env"})
		}
	}
	if !isKnown {
		ci = isCI(real.get)
	}
	return list, real, ci
}

// FuzzDotenv: whatever .env files add to whatever environment, no run writes or is
// read by more.
func FuzzDotenv(f *testing.F) {
	runs := recordedRuns(f)
	licence := readToken(f, "valid.jwt")
	for _, attack := range attacks {
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
		f.Add(uint(0), modeVariable+"="+mode, true)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, index uint, text string, isKnown bool) {
		run := runs[index%uint(len(runs))]
		list, real, ci := claimsOf(run, text, isKnown)
		branches, _ := json.Marshal(run.Branches) // null is not set
		params := rpc.InitializeParams{
			Config:        json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "trust": {"branches": ` + string(branches) + `}}`),
			CI:            run.CI,
			DefaultBase:   run.DefaultBase,
			WorkspaceRoot: root,
		}
		if !isKnown {
			params.CI = isCI(run.Env.get)
		}
		without := open(params, with(run.Env, env{license.Variable: licence}).get, during)
		if without.Cache == nil {
			t.Fatal(without.Reason)
		}
		params.Claims, params.CI = list, ci
		got := open(params, with(real, env{license.Variable: licence}).get, during)
		if got.Cache == nil {
			return // switched off, or a wrong connection string
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
		for _, line := range got.Warnings {
			checkLine(t, line)
		}
	})
}

// documentWith is what the npm package hands to a command of a workspace.
func documentWith(t *testing.T, list []rpc.Claim) string {
	t.Helper()
	text, err := json.Marshal(workspaceDocument{Config: json.RawMessage(goodConfig), WorkspaceRoot: t.TempDir(), Claims: list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClaimsInCommands(t *testing.T) {
	const ignored = "nx-azure-cache: NX_AZURE_CACHE_SAS_URL of .env is ignored: a checkout could set it. Set it in the environment of the CI job instead\n"
	sas := rpc.Claim{Name: sasVariable, Value: "https://evil.example/?sig=hunter2", File: ".env"}
	connection := rpc.Claim{Name: connectionVariable, Value: connectionString, File: ".env"}
	where, stderr, err := readWith(t, env{workspaceVariable: documentWith(t, []rpc.Claim{sas, connection})})
	const used = "nx-azure-cache: AZURE_STORAGE_CONNECTION_STRING of .env decides the account and the sign-in of the remote cache, not azure.accountName in nx.json. " +
		"If it is your application's, set azure.credential in nx.json to the sign-in of the cache. If it is the cache's, call it NX_AZURE_CACHE_CONNECTION_STRING\n"
	if err != nil || stderr != used+ignored || where.settings.sasURL != "" || where.settings.connectionString != connectionString {
		t.Errorf("got %+v, %q, %v, want the connection string and the line", where.settings, stderr, err)
	}
	where, _, err = readWith(t, env{workspaceVariable: documentWith(t, dotenv(attacks["GitHub's four variables"]))})
	if err != nil || where.role.Scope != trust.Untrusted {
		t.Errorf("got %+v, %v, want it untrusted", where.role, err)
	}

	licence := rpc.Claim{Name: license.Variable, Value: readToken(t, "valid.jwt"), File: ".env"}
	stdout, stderr, err := runWith(t, env{workspaceVariable: documentWith(t, []rpc.Claim{sas, licence})}, "license", "status")
	if err != nil || stderr != ignored || !strings.Contains(stdout, "Example GmbH") {
		t.Errorf("license status: got %q, %q, %v", stdout, stderr, err)
	}
	key := rpc.Claim{Name: trust.SigningKeyVariable, Value: string(newSigningKey(t).PEM()), File: ".env"}
	stdout, stderr, err = runWith(t, env{workspaceVariable: documentWith(t, []rpc.Claim{key})}, "keys", "show")
	if err == nil || stdout != "" || !strings.Contains(stderr, "NX_AZURE_CACHE_SIGNING_KEY of .env is ignored") {
		t.Errorf("keys show: got %q, %q, %v", stdout, stderr, err)
	}
}

// doctor names what is ignored, and shows no value.
func TestDoctorShowsClaims(t *testing.T) {
	list := dotenv(with(attacks["GitHub's four variables"], env{sasVariable: "hunter2", "AZURE_CLIENT_ID": "hunter2", "HTTPS_PROXY": "http://x:hunter2@x", "DATABASE_URL": "hunter2"}))
	p := newPatient(world{getenv: env{workspaceVariable: documentWith(t, list)}.get}, new(workspaceFlags{isSet: func(string) bool { return false }}))
	var r report
	examineConfig(t.Context(), p, &r)
	text := fmt.Sprintf("%+v", r)
	for _, want := range []string{
		"NX_AZURE_CACHE_SAS_URL of .env is ignored: a checkout could set it.",
		"AZURE_CLIENT_ID of .env and HTTPS_PROXY of .env are ignored: a checkout could set them; the cache does without",
		"GITHUB_ACTIONS of .env would change its scope from local to trusted",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("doctor does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "hunter2") || strings.Contains(text, "DATABASE_URL") {
		t.Errorf("doctor says too much:\n%s", text)
	}
}
