package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Long values of the checkout or the environment are truncated, so no line is too long to
// read.
func TestLongSettings(t *testing.T) {
	cachetest.SkipWithRace(t)
	const enough = 1000 // bytes
	token := testenv.License(t, "valid.jwt")
	long := map[string]string{
		"plain":              strings.Repeat("x", 10_000),
		"escaped characters": strings.Repeat("\u202e", 10_000),
		"a URL":              "https://acc.blob.core.windows.net/" + strings.Repeat("y", 10_000) + "?sp=r",
		"a URL's host":       "https://" + strings.Repeat("h.", 5_000) + "example",
		"a connection":       "DefaultEndpointsProtocol=https;AccountName=" + strings.Repeat("a", 10_000) + ";AccountKey=" + strings.Repeat("k", 88),
		"spaces":             strings.Repeat(" x", 5_000),
	}
	variables := []string{config.ConnectionVariable, config.SASVariable, config.CredentialVariable, config.ModeVariable, "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE",
		"NX_AZURE_CACHE_SIGNING_KEY", "NX_AZURE_CACHE_REF", "NX_AZURE_CACHE_TRUSTED_HOSTS", "AZURE_AUTHORITY_HOST", "AZURE_TOKEN_CREDENTIALS", "AZURE_TENANT_ID", license.Variable, "GITHUB_REF", "GITHUB_HEAD_REF"}
	keys := append(slices.Sorted(maps.Keys(schemaKeys(t))), "unknown", strings.Repeat("k", 10_000))
	check := func(what string, config map[string]any, e testenv.Env, claims ...rpc.Claim) {
		t.Helper()
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		params := rpc.InitializeParams{WorkspaceRoot: t.TempDir(), NxVersion: "24.0.6", CI: true, Config: text, Claims: claims}
		session := openSession(params, e.Get, time.Now())
		if session.Cache != nil {
			defer session.Cache.Close(t.Context())
		}
		for _, line := range append(stringsOf(session), session.Reason, session.ScopeReason) {
			if len(line) > enough {
				t.Errorf("%s: got a line of %d bytes: %.300s", what, len(line), line)
			}
		}
	}
	with := func(config map[string]any) map[string]any {
		all := map[string]any{"container": "results", "accountName": "account"}
		maps.Copy(all, config)
		return all
	}
	for name, value := range long {
		for _, key := range keys {
			for kind, config := range map[string]any{"text": value, "list": []any{value}, "object": map[string]any{value: value},
				"objects": map[string]any{"connect": value, "publicKeys": []any{value}, "branches": []any{value}, "trusted": value, "isolation": value}} {
				check(fmt.Sprintf("%.20s is %s as %s", key, name, kind), with(map[string]any{key: config}), testenv.Env{license.Variable: token})
			}
		}
		for _, variable := range variables {
			e := testenv.Env{license.Variable: token, "GITHUB_ACTIONS": "true"}
			e[variable] = value
			check(variable+" is "+name, with(nil), e)
			check(variable+" of .env is "+name, with(nil), testenv.Env{license.Variable: token}, rpc.Claim{Name: variable, Value: value, File: value})
		}
	}
}

// schemaKeys returns the keys of the block azure in npm/nx-azure-cache/schema.json.
func schemaKeys(t *testing.T) map[string]any {
	text, err := os.ReadFile(filepath.Join(npmFolder, "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]any
	}
	if err := json.Unmarshal(text, &schema); err != nil || len(schema.Properties) < 5 {
		t.Fatal(err, schema)
	}
	return schema.Properties
}
