package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// readWith reads the workspace of a command line.
func readWith(t *testing.T, environment testenv.Env, args ...string) (config.Workspace, string, error) {
	t.Helper()
	var stderr output
	var flags config.Overrides
	command := newLs(stdio{})
	command.ResetFlags()
	addWorkspaceFlags(command, &flags)
	if err := command.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	where, err := readWorkspace(stdio{stderr: &stderr, getenv: environment.Get}, &flags)
	return where, stderr.String(), err
}

func TestWorkspace(t *testing.T) {
	const document = `{"workspaceRoot": "/w", "ci": true, "defaultBase": "trunk", "config": {
		"container": "results", "accountName": "acme", "endpoint": "https://acme.example", "prefix": "team", "ciMode": "no-cache",
		"trust": {"containers": {"trusted": "other"}}}}`
	github := testenv.Env{config.WorkspaceVariable: document, "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/trunk", "GITHUB_REF_PROTECTED": "true"}
	where, stderr, err := readWith(t, github)
	if err != nil || stderr != "" {
		t.Fatal(err, stderr)
	}
	s := where.Settings
	if s.Container != "results" || s.Endpoint != "https://acme.example" || s.Prefix != "team" || s.ContainerOf(trust.Trusted) != "other" {
		t.Errorf("got %+v, want the settings of nx.json", s)
	}
	// Commands work even if runs of Nx use no cache.
	if where.Policy.Scope != trust.Trusted || where.Policy.Mode != cache.NoCache {
		t.Errorf("got %+v, want a trusted run with the mode no-cache", where.Policy)
	}
	github[config.ModeVariable] = "no-cache"
	if where, _, err := readWith(t, github); err != nil || where.Settings.Container != "results" {
		t.Errorf("got %+v, %v; want the settings of nx.json", where.Settings, err)
	}
	delete(github, config.ModeVariable)

	where, _, err = readWith(t, github, "--container", "mine", "--account-name", "mine", "--prefix", "")
	if s := where.Settings; err != nil || s.Container != "mine" || s.AccountName != "mine" || s.Endpoint != "" || s.Prefix != "" || s.ContainerOf(trust.Trusted) != "mine" {
		t.Errorf("got %+v, %v; want the settings of the flags", s, err)
	}
	where, _, err = readWith(t, github, "--endpoint", "https://mine.example")
	if s := where.Settings; err != nil || s.Endpoint != "https://mine.example" || s.Container != "results" {
		t.Errorf("got %+v, %v; want the endpoint of the flag", s, err)
	}
}

func TestWorkspaceWithoutNPM(t *testing.T) {
	where, _, err := readWith(t, testenv.Env{}, "--container", "results", "--account-name", "acme")
	if s := where.Settings; err != nil || s.Container != "results" || s.AccountName != "acme" || where.Policy.Scope != trust.Local {
		t.Errorf("got %+v, %v; want the settings of the flags", s, err)
	}
	if where, _, err := readWith(t, testenv.Env{config.ConnectionVariable: testenv.ConnectionString}, "--container", "results"); err != nil || where.Settings.Container != "results" {
		t.Errorf("got %+v, %v; want the account of the variable", where.Settings, err)
	}
	// Flags also work if nx.json is broken or has no block.
	for _, document := range []string{`{"problem": "nx.json cannot be read: x"}`, `{"config": null}`, `{}`} {
		if _, _, err := readWith(t, testenv.Env{config.WorkspaceVariable: document}, "--container", "results", "--account-name", "acme"); err != nil {
			t.Errorf("%s: got %v, want the settings of the flags", document, err)
		}
	}
}

// Only a secret that is used names the account.
func TestWorkspaceWithASecret(t *testing.T) {
	const account = `"container": "results", "accountName": "acme"`
	for name, test := range map[string]struct {
		config string
		more   testenv.Env
		used   bool // the secret
	}{
		"no credential":                  {account, nil, true},
		"a blank credential":             {account + `, "credential": " "`, nil, true},
		"the secret by name":             {account + `, "credential": "connection-string"`, nil, true},
		"another credential":             {account + `, "credential": "azure-cli"`, nil, false},
		"another credential by variable": {account, testenv.Env{config.CredentialVariable: "azure-cli"}, false},
		"a variable that beats nx.json":  {account + `, "credential": "azure-cli"`, testenv.Env{config.CredentialVariable: " connection-string "}, true},
		"the other secret, unset":        {account + `, "credential": "sas"`, nil, false},
		"the other secret":               {account + `, "credential": "sas"`, testenv.Env{config.SASVariable: "https://mine.blob.core.windows.net/results?sig=x"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			environment := testenv.Env{config.ConnectionVariable: testenv.ConnectionString, config.WorkspaceVariable: `{"config": {` + test.config + `}}`}
			maps.Copy(environment, test.more)
			where, _, err := readWith(t, environment, "--account-name", "mine")
			if isTwo := err != nil && strings.Contains(err.Error(), "already names the account"); isTwo != test.used {
				t.Errorf("got %v, want two accounts: %t", err, test.used)
			}
			if s := where.Settings; err == nil && (s.AccountName != "mine" || s.ConnectionString != "" || s.SASURL != "") {
				t.Errorf("got %+v, want the account of the flag", s)
			}
		})
	}
	unknown := testenv.Env{config.ConnectionVariable: testenv.ConnectionString, config.CredentialVariable: "magic"}
	if _, _, err := readWith(t, unknown, "--container", "results"); err == nil || !strings.Contains(err.Error(), `NX_AZURE_CACHE_CREDENTIAL is "magic"`) {
		t.Errorf("got %v, want the problem with the variable", err)
	}
}

func TestWorkspaceProblems(t *testing.T) {
	block := func(text string) testenv.Env {
		return testenv.Env{config.WorkspaceVariable: `{"config": ` + text + `}`}
	}
	for name, test := range map[string]struct {
		environment testenv.Env
		args        string
		want        string
	}{
		"nothing":                     {testenv.Env{}, "", `run this with npx in the workspace, or name the container with --container`},
		"a workspace without a block": {block("null"), "", `no "azure" block here`},
		"an invalid nx.json":          {testenv.Env{config.WorkspaceVariable: `{"problem": "nx.json cannot be read: it is odd"}`}, "", "nx.json cannot be read: it is odd"},
		"no document":                 {testenv.Env{config.WorkspaceVariable: "x"}, "", config.WorkspaceVariable + " is not what the npm package writes"},
		"no account":                  {testenv.Env{}, "--container results", "--account-name is missing (or --endpoint, or " + config.ConnectionVariable + ")"},
		"only an account":             {testenv.Env{}, "--account-name acme", `no "azure" block here`},
		"a block of a string":         {block(`"text"`), "", "must be an object"},
		"a wrong block":               {block(`{"container": "A", "prefix": "/", "accountName": "acme"}`), "", `azure.container in nx.json is "A"`},
		"a wrong account":             {testenv.Env{}, "--container results --account-name A", `--account-name is "A"`},
		"an endpoint without TLS":     {testenv.Env{}, "--container results --endpoint http://a.b", `--endpoint is "http://a.b"`},
		"two accounts":                {testenv.Env{config.ConnectionVariable: testenv.ConnectionString}, "--container results --account-name acme", "already names the account"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readWith(t, test.environment, strings.Fields(test.args)...)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, test.want)
			}
		})
	}
	_, stderr, err := readWith(t, block(`{"container": "results", "accountName": "acme", "prefx": "a"}`))
	if want := "nx-azure-cache: " + `"azure" in nx.json has an unknown key "prefx"`; err != nil || !strings.HasPrefix(stderr, want) {
		t.Errorf("got %q, %v; want %q", stderr, err, want)
	}
}
