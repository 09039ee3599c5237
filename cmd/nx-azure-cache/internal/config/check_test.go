package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestCheck(t *testing.T) {
	const account = `"container": "artifacts", "accountName": "nxcache"`
	for name, test := range map[string]struct {
		block    string
		env      testenv.Env
		want     Checked
		problems []string // key, level and kind of each
	}{
		"a valid block": {`{` + account + `}`, nil,
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", AccountFrom: "azure.accountName"}, nil},
		"an endpoint beside an account": {`{` + account + `, "endpoint": "https://10.0.0.4"}`, nil,
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", AccountFrom: "azure.endpoint"}, nil},
		"an empty block": {`{}`, nil, Checked{Mode: "read-write"},
			[]string{"azure.accountName error missing", "azure.container error missing"}},
		"null": {`null`, nil, Checked{Mode: "read-write"}, []string{"azure error missing"}},
		"a connection string": {`{"container": "artifacts"}`, testenv.Env{OwnConnectionVariable: testenv.ConnectionString},
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", Credential: "connection-string", AccountFrom: OwnConnectionVariable}, nil},
		"a SAS URL, which names the container": {`{"credential": "sas"}`, testenv.Env{SASVariable: testenv.SASURL},
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", Credential: "sas", CredentialFrom: "azure.credential", AccountFrom: SASVariable}, nil},
		"a secret that is not set": {`{` + account + `, "credential": "connection-string"}`, nil,
			Checked{Mode: "read-write", Container: "artifacts", Credential: "connection-string", CredentialFrom: "azure.credential"},
			[]string{ConnectionVariable + " error missing"}},
		"a SAS URL that is not set, and no container": {`{"credential": "sas"}`, nil,
			Checked{Mode: "read-write", Credential: "sas", CredentialFrom: "azure.credential"},
			[]string{SASVariable + " error missing", "azure.container error missing"}},
		"a sign-in by variable": {`{` + account + `}`, testenv.Env{CredentialVariable: "azure-cli"},
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", Credential: "azure-cli", CredentialFrom: CredentialVariable, AccountFrom: "azure.accountName"}, nil},
		"the modes of all runs": {`{` + account + `, "localMode": "on", "ciMode": "off"}`, nil,
			Checked{Container: "artifacts", AccountFrom: "azure.accountName"},
			[]string{"azure.ciMode error invalid", "azure.localMode error invalid"}},
		"no-cache hides no problem": {`{"accountName": "nxcache", "localMode": "no-cache", "containr": 1}`, nil,
			Checked{Mode: "no-cache", AccountFrom: "azure.accountName"},
			[]string{"azure.container error missing", "azure warning unknown-key"}},
		"what has no effect": {`{` + account + `, "trust": {"isolation": "none", "branches": ["main"]}}`, nil,
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", AccountFrom: "azure.accountName"},
			[]string{"azure.trust warning ignored"}},
		"a key in an object": {`{` + account + `, "timeouts": {"drain": 5, "drian": "5s"}}`, nil,
			Checked{Mode: "read-write", Container: "artifacts", AccountFrom: "azure.accountName"},
			[]string{"azure.timeouts.drain error invalid", "azure warning unknown-key"}},
		"an invalid container": {`{"container": "Nx", "accountName": "nxcache"}`, nil,
			Checked{Mode: "read-write", AccountFrom: "azure.accountName"}, []string{"azure.container error invalid"}},
		"an invalid proxy": {`{` + account + `}`, testenv.Env{"HTTPS_PROXY": "socks://x"},
			Checked{Valid: true, Mode: "read-write", Container: "artifacts", AccountFrom: "azure.accountName"},
			[]string{"HTTPS_PROXY warning ignored"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Check(test.env.Get, json.RawMessage(test.block))
			var problems []string
			for _, p := range got.Problems {
				problems = append(problems, fmt.Sprint(p.Key, " ", p.Level, " ", p.Kind))
				if p.Message == "" || p.Level == LevelError && p.Fix+p.Allowed == "" {
					t.Errorf("got %+v, want a message, and what is allowed or how to fix it", p)
				}
			}
			got.Problems = nil
			if !slices.Equal(problems, test.problems) || fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got %+v and %q, want %+v and %q", got, problems, test.want, test.problems)
			}
		})
	}
}

// The parts of a problem are separate fields, and the message contains them all.
func TestPartsOfAProblem(t *testing.T) {
	got := Check(testenv.Env{}.Get, json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "credential": "cli"}`))
	if len(got.Problems) != 1 {
		t.Fatalf("got %+v", got)
	}
	p := got.Problems[0]
	if p.Seen != `"cli"` || !strings.HasPrefix(p.Allowed, "connection-string, sas, ") || p.Fix != "did you mean azure-cli?" {
		t.Errorf("got %+v", p)
	}
	if want := "azure.credential in nx.json is " + p.Seen + "; allowed are " + p.Allowed + "; " + p.Fix; p.Message != want {
		t.Errorf("got %q, want %q", p.Message, want)
	}
}

// If no block is proposed, the block of the workspace is checked.
func TestCheckOfTheWorkspace(t *testing.T) {
	for document, want := range map[string]string{
		`{"config": {"container": "artifacts", "accountName": "nxcache"}}`:                                                                                     "",
		`{"config": {"container": "artifacts", "accountName": "nxcache"}, "problem": "it is odd"}`:                                                             "azure error other",
		`{"ci": true, "config": {"container": "artifacts", "accountName": "nxcache", "ciMode": 5}}`:                                                            "azure.ciMode error invalid",
		`{"config": {"container": "artifacts", "accountName": "nxcache", "trust": {"branches": ["**"]}}, "extended": ["azure"]}`:                               "azure.trust.branches warning ignored",
		`{"claims": [{"name": "NX_AZURE_CACHE_SAS_URL", "value": "hunter2", "file": ".env"}], "config": {"container": "artifacts", "accountName": "nxcache"}}`: "NX_AZURE_CACHE_SAS_URL warning ignored",
		`x`:  WorkspaceVariable + " error invalid",
		`{}`: "azure error missing",
	} {
		var got []string
		for _, p := range Check(testenv.Env{WorkspaceVariable: document}.Get, nil).Problems {
			got = append(got, fmt.Sprint(p.Key, " ", p.Level, " ", p.Kind))
			if strings.Contains(p.Message, "hunter2") {
				t.Errorf("got a value in %+v", p)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: got %q, want %q", document, got, want)
		}
	}
}

// People put secrets into all kinds of fields. The output contains none of them.
func TestCheckShowsNoSecret(t *testing.T) {
	for _, secret := range []string{
		testenv.ConnectionString, testenv.AccountKey, "AccountKey=" + testenv.AccountKey, testenv.SASURL,
		"https://user:hunter2@nxcache.blob.core.windows.net", "ZtR8Q~aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567", "a%2Fb%3Dhunter2", "hunter2+hunter2",
	} {
		for _, key := range append(slices.Collect(keysOf()), "other", "timeouts.drain", "trust.isolation", "trust.branches") {
			block := map[string]any{"container": "artifacts", "accountName": "nxcache"}
			if outer, inner, isInner := strings.Cut(key, "."); isInner {
				block[outer] = map[string]any{inner: secret, secret: secret}
			} else {
				block[key] = secret
			}
			text, err := json.Marshal(block)
			if err != nil {
				t.Fatal(err)
			}
			printed, err := json.Marshal(Check(testenv.Env{ModeVariable: secret}.Get, text))
			if err != nil {
				t.Fatal(err)
			}
			for part := range strings.SplitSeq(secret, "@") {
				if len(part) > 10 && strings.Contains(string(printed), part) && !strings.HasPrefix(part, "nxcache.blob") {
					t.Errorf("%s: got %s, which has %s", key, printed, part)
				}
			}
		}
	}
}

// keysOf yields the keys of the block.
func keysOf() func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range new(rawConfig).fields() {
			if !yield(key) {
				return
			}
		}
	}
}
