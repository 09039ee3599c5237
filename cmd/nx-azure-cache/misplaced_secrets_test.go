package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// People put secrets into all kinds of fields. No message may contain them.
func TestMisplacedSecrets(t *testing.T) {
	token := testenv.License(t, "valid.jwt")
	sas := "sv=2025-07-05&ss=b&sp=rc&sig=" + strings.ReplaceAll(testenv.AccountKey, "=", "%3D")
	secrets := map[string]struct{ text, secret string }{
		"a connection string":             {testenv.ConnectionString, testenv.AccountKey},
		"a connection string in part":     {"AccountKey=" + testenv.AccountKey, testenv.AccountKey},
		"an endpoint and a key":           {"http://127.0.0.1:10000/devstoreaccount1;AccountKey=" + testenv.AccountKey, testenv.AccountKey},
		"an account key":                  {testenv.AccountKey, testenv.AccountKey},
		"a SAS":                           {"?" + sas, sas[len(sas)-20:]},
		"a SAS without its question mark": {sas, sas[len(sas)-20:]},
		"a URL with a SAS":                {"https://nxcache.blob.core.windows.net/nx?" + sas, sas[len(sas)-20:]},
		"a URL of http with a SAS":        {"http://nxcache.blob.core.windows.net/nx?" + sas, sas[len(sas)-20:]},
		"a URL with a password":           {"https://user:" + testenv.AccountKey + "@nxcache.blob.core.windows.net", testenv.AccountKey},
		"a client's secret":               {"ZtR8Q~aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567", "aBcDeFgHiJk"},
		"a password":                      {"password=hunter2", "hunter2"},
		"a license":                       {token, token[:40]},
	}
	places := []string{"", "container", "accountName", "endpoint", "prefix", "credential", "cloud", "localMode", "ciMode", "connectionString",
		"timeouts", "timeouts.drain", "timeouts.password",
		config.ModeVariable, config.ConnectionVariable, config.SASVariable, config.CredentialVariable, logVariable}
	for name, secret := range secrets {
		for _, place := range places {
			t.Run(name+" in "+place, func(t *testing.T) {
				keys := map[string]any{"container": "artifacts", "accountName": "nxcache"}
				environment := testenv.Env{"NX_POWERPACK_LICENSE": token}
				if strings.ToUpper(place) == place && place != "" {
					environment[place] = secret.text
				} else if inner, ok := strings.CutPrefix(place, "timeouts."); ok {
					keys["timeouts"] = map[string]any{inner: secret.text, secret.text: "1s"}
				} else {
					keys[place] = secret.text
				}
				config, err := json.Marshal(keys)
				if err != nil {
					t.Fatal(err)
				}
				if place == "" {
					config, _ = json.Marshal(secret.text) // instead of the block
				}
				_, _, warnings := newLogger(stdio{getenv: environment.Get})
				for _, ci := range []bool{false, true} {
					session := openSession(rpc.InitializeParams{Config: config, CI: ci, WorkspaceRoot: t.TempDir()}, environment.Get, testenv.During)
					session.Cache = nil
					said := fmt.Sprintf("%+v %q", session, warnings)
					if strings.Contains(said, secret.secret) {
						t.Errorf("got %s, which has the secret", said)
					}
				}
			})
		}
	}
}
