package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Which connection string is used, where it comes from, and the warning about it.
func TestUsedConnectionString(t *testing.T) {
	const account = `{"container": "artifacts", "accountName": "acme"%s}`
	of := func(file, name, value string) rpc.Claim { return rpc.Claim{Name: name, Value: value, File: file} }
	const application = "AZURE_STORAGE_CONNECTION_STRING of .env decides the account and the sign-in of the remote cache"
	for name, test := range map[string]struct {
		more   string
		real   testenv.Env
		claims []rpc.Claim

		account, from string // "" means the account of nx.json
		line          string // part of the only warning
	}{
		"none": {from: "azure.accountName in nx.json"},
		"the application's, in the environment": {real: testenv.Env{config.ConnectionVariable: testenv.Applications},
			account: "application", from: "AZURE_STORAGE_CONNECTION_STRING"},
		"the application's, in a file": {claims: []rpc.Claim{of(".env", config.ConnectionVariable, testenv.Applications)},
			account: "application", from: "AZURE_STORAGE_CONNECTION_STRING of .env", line: application + ", not azure.accountName in nx.json. If"},
		"the application's, set inside Nx": {claims: []rpc.Claim{of("", config.ConnectionVariable, testenv.Applications)},
			account: "application", from: "AZURE_STORAGE_CONNECTION_STRING (set inside Nx)", line: "AZURE_STORAGE_CONNECTION_STRING (set inside Nx) decides"},
		"the application's, withheld": {claims: []rpc.Claim{{Name: config.ConnectionVariable, Value: testenv.Applications, File: ".env", IsEmpty: true}},
			from: "azure.accountName in nx.json", line: "AZURE_STORAGE_CONNECTION_STRING of .env is ignored: the environment sets it to an empty value"},
		"the application's, and a named sign-in": {more: `, "credential": "azure-cli"`, claims: []rpc.Claim{of(".env", config.ConnectionVariable, testenv.Applications)},
			from: "azure.accountName in nx.json"},
		"ours, in the environment, beside the application's": {real: testenv.Env{config.OwnConnectionVariable: testenv.Caches}, claims: []rpc.Claim{of(".env", config.ConnectionVariable, testenv.Applications)},
			account: "cache", from: "NX_AZURE_CACHE_CONNECTION_STRING"},
		"both in the environment": {real: testenv.Env{config.OwnConnectionVariable: testenv.Caches, config.ConnectionVariable: testenv.Applications},
			account: "cache", from: "NX_AZURE_CACHE_CONNECTION_STRING"},
		"both in files": {claims: []rpc.Claim{of(".env.local", config.OwnConnectionVariable, testenv.Caches), of(".env", config.ConnectionVariable, testenv.Applications)},
			account: "cache", from: "NX_AZURE_CACHE_CONNECTION_STRING of .env.local"},
		"ours in a file, the application's in the environment": {real: testenv.Env{config.ConnectionVariable: testenv.Applications}, claims: []rpc.Claim{of(".env", config.OwnConnectionVariable, testenv.Caches)},
			account: "cache", from: "NX_AZURE_CACHE_CONNECTION_STRING of .env",
			line: "NX_AZURE_CACHE_CONNECTION_STRING of .env decides the account and the sign-in of the remote cache, not AZURE_STORAGE_CONNECTION_STRING in the environment. If that is wrong, remove it from the file"},
		"ours is blank": {real: testenv.Env{config.OwnConnectionVariable: " \n", config.ConnectionVariable: testenv.Applications},
			account: "application", from: "AZURE_STORAGE_CONNECTION_STRING"},
		"beside a SAS URL": {real: testenv.Env{config.OwnConnectionVariable: testenv.Caches, config.SASVariable: "https://other.blob.core.windows.net/artifacts?sig=a"},
			account: "cache", from: "NX_AZURE_CACHE_CONNECTION_STRING"},
		"a SAS URL": {real: testenv.Env{config.SASVariable: "https://other.blob.core.windows.net/artifacts?sig=a"},
			account: "other", from: "NX_AZURE_CACHE_SAS_URL"},
		"named": {more: `, "credential": "connection-string"`, real: testenv.Env{config.OwnConnectionVariable: testenv.Caches, config.SASVariable: "https://other.blob.core.windows.net/artifacts?sig=a"},
			account: "cache", from: "NX_AZURE_CACHE_CONNECTION_STRING"},
	} {
		t.Run(name, func(t *testing.T) {
			session := openWith(t, fmt.Sprintf(account, test.more), test.real, false, test.claims)
			if session.Cache == nil {
				t.Fatal(session.Reason)
			}
			want := test.account
			if want == "" {
				want = "acme"
			}
			if session.Location != "https://"+want+".blob.core.windows.net/artifacts" {
				t.Errorf("got %s, want the account %s", session.Location, want)
			}
			if got := strings.Join(stringsOf(session), "|"); !strings.HasPrefix(got, test.line) && !strings.Contains(got, test.line) || test.line == "" && got != "" || strings.Contains(got, "|") {
				t.Errorf("got the warnings %q, want %q", got, test.line)
			}
			found := claims.New(fromWire(test.claims))
			s, _, err := config.ReadSettings(json.RawMessage(fmt.Sprintf(account, test.more)), false, found.Over(test.real.Get))
			s.SetClaims(found, test.real.Get)
			if err != nil || s.AccountFrom() != test.from {
				t.Errorf("got %q, %v, want %q", s.AccountFrom(), err, test.from)
			}
		})
	}
}

// Every error of the storage says where the account comes from.
func TestFailuresNameTheAccountsSource(t *testing.T) {
	claim := rpc.Claim{Name: config.ConnectionVariable, Value: testenv.DeadPort(t), File: ".env"}
	session := openWith(t, `{"container": "artifacts", "accountName": "acme"}`, nil, false, []rpc.Claim{claim})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := session.Cache.Retrieve(ctx, "123", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "(the account comes from AZURE_STORAGE_CONNECTION_STRING of .env)") {
		t.Errorf("got %v, want where the account comes from", err)
	}
}
