package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// dotenv returns the claims of a file .env.
func dotenv(variables testenv.Env) claims.Set {
	var list []claims.Claim
	for name, value := range variables {
		list = append(list, claims.Claim{Name: name, Value: value, File: ".env"})
	}
	return claims.New(list)
}

// The settings show no value of a claim.
func TestSettingsHideClaims(t *testing.T) {
	s := Settings{Claims: dotenv(testenv.Env{ConnectionVariable: testenv.ConnectionString})}
	if text := fmt.Sprintf("%+v", s); strings.Contains(text, testenv.AccountKey) {
		t.Errorf("%s shows a value", text)
	}
}

// Claims that an application may use itself are named only if a request fails.
func TestClaimsExplainFailures(t *testing.T) {
	list := dotenv(testenv.Env{"AZURE_CLIENT_ID": "secret-id", "https_proxy": "x", "NODE_EXTRA_CA_CERTS": "x", "DATABASE_URL": "x", ConnectionVariable: "x"})
	memory := new(cachetest.Memory)
	s := Settings{AccountName: "acme", Claims: list}
	blobs := s.ExplainErrors(memory)
	if _, err := blobs.Get(t.Context(), "x"); !errors.Is(err, cache.ErrNotFound) || strings.Contains(err.Error(), "AZURE") {
		t.Errorf("got %v, want it unchanged", err)
	}
	failing := errors.New("no credential works")
	err := explainedBlobs{memory, blobs.(explainedBlobs).hint}.explained(&cache.ConfigError{Err: failing})
	const want = "no credential works (the account comes from azure.accountName in nx.json; AZURE_CLIENT_ID of .env and NODE_EXTRA_CA_CERTS of .env and https_proxy of .env are ignored: a checkout could set them; if the cache needs them, set them in the environment)"
	if _, isConfig := errors.AsType[*cache.ConfigError](err); err == nil || err.Error() != want || !isConfig {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	s.Claims = dotenv(testenv.Env{"DATABASE_URL": "x"})
	if hint := s.ExplainErrors(memory).(explainedBlobs).hint; hint != "the account comes from azure.accountName in nx.json" {
		t.Errorf("a database explains why requests fail: %s", hint)
	}
}
