package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

func TestRunPolicies(t *testing.T) {
	key, other := testenv.NewSigningKey(t), testenv.NewSigningKey(t)
	keys := `{"publicKeys": ["` + key.Public().String() + `"]}`
	secret := func(key trust.PrivateKey) testenv.Env {
		return testenv.Env{trust.SigningKeyVariable: string(key.PEM())}
	}
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main", "full_name": "mallory/shop", "fork": true}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	fork := testenv.Env{claims.EventVariable: event, "GITHUB_REPOSITORY": "mallory/shop"}
	for name, test := range map[string]struct {
		block       string
		env         testenv.Env
		local       bool
		defaultBase string
		scope       string
		mode        cache.Mode
		warning     string // of a warning; "" means none
	}{
		"main":                                  {block: `{}`, env: testenv.MainRun, scope: "trusted", mode: cache.ReadWrite},
		"a pull request":                        {block: `{}`, env: testenv.PullRun, scope: "pr-12", mode: cache.ReadWrite},
		"a developer":                           {block: `{}`, env: testenv.Env{}, local: true, scope: "local", mode: cache.ReadWrite},
		"main, which is not the base":           {block: `{}`, env: testenv.MainRun, defaultBase: "develop", scope: "readonly-main", mode: cache.ReadOnly, warning: "the branch main is protected or the default branch"},
		"main, which is not listed":             {block: `{"branches": ["x"]}`, env: testenv.MainRun, defaultBase: "main", scope: "readonly-main", mode: cache.ReadOnly, warning: "add it to azure.trust.branches"},
		"main of another repository":            {block: `{"repositories": ["acme/other"]}`, env: testenv.With(testenv.MainRun, testenv.Env{"GITHUB_REPOSITORY": "acme/shop"}), scope: "readonly-main", mode: cache.ReadOnly, warning: "the repository acme/shop is not in azure.trust.repositories in nx.json"},
		"main of a listed repository":           {block: `{"repositories": ["Acme/Shop"]}`, env: testenv.With(testenv.MainRun, testenv.Env{"GITHUB_REPOSITORY": "acme/shop"}), scope: "trusted", mode: cache.ReadWrite},
		"main of a fork":                        {block: `{}`, env: testenv.With(testenv.MainRun, fork), scope: "readonly-main", mode: cache.ReadOnly, warning: "the repository mallory/shop is a fork (repository.fork in the GITHUB_EVENT_PATH file)"},
		"main of a listed fork":                 {block: `{"repositories": ["mallory/shop"]}`, env: testenv.With(testenv.MainRun, fork), scope: "trusted", mode: cache.ReadWrite},
		"a schedule of a fork":                  {block: `{}`, env: testenv.With(testenv.MainRun, fork, testenv.Env{"GITHUB_EVENT_NAME": "schedule"}), scope: "readonly-main", mode: cache.ReadOnly, warning: "is a fork"},
		"a pull request within a fork":          {block: `{}`, env: testenv.With(testenv.PullRun, fork), scope: "readonly-pull_2F12", mode: cache.ReadOnly, warning: "is a fork"},
		"no isolation in a fork":                {block: `{"isolation": "none"}`, env: testenv.With(testenv.MainRun, fork), scope: "shared", mode: cache.ReadWrite, warning: "CVE-2025-36852"},
		"no trusted branches":                   {block: `{"branches": []}`, env: testenv.MainRun, scope: "readonly-main", mode: cache.ReadOnly, warning: "add it to azure.trust.branches"},
		"an unknown CI":                         {block: `{}`, env: testenv.Env{}, scope: "untrusted", mode: cache.ReadOnly, warning: "set NX_AZURE_CACHE_REF"},
		"an unknown CI with NX_AZURE_CACHE_REF": {block: `{}`, env: testenv.Env{trust.RefVariable: "refs/heads/main"}, scope: "trusted", mode: cache.ReadWrite},
		"workflow_run":                          {block: `{}`, env: testenv.With(testenv.MainRun, testenv.Env{"GITHUB_EVENT_NAME": "workflow_run"}), scope: "untrusted", mode: cache.ReadOnly},
		"a tag":                                 {block: `{}`, env: testenv.With(testenv.MainRun, testenv.Env{"GITHUB_REF": "refs/tags/v1"}), scope: "tag-v1", mode: cache.ReadOnly},
		"an unprotected branch":                 {block: `{"branches": ["main", "release/*"]}`, env: testenv.With(testenv.MainRun, testenv.Env{"GITHUB_REF": "refs/heads/release/1", "GITHUB_REF_PROTECTED": "false"}), scope: "readonly-release_2F1", mode: cache.ReadOnly, warning: "the trusted branch release/1 is not protected"},
		"contradicting variables":               {block: `{}`, env: testenv.With(testenv.MainRun, testenv.Env{trust.RefVariable: "refs/heads/x"}), scope: "untrusted", mode: cache.ReadOnly, warning: `(GITHUB_REF is "refs/heads/main", but NX_AZURE_CACHE_REF is "refs/heads/x"); fix or unset`},
		"no isolation":                          {block: `{"isolation": "none"}`, env: testenv.PullRun, scope: "shared", mode: cache.ReadWrite, warning: "CVE-2025-36852"},
		"no isolation, unknown CI":              {block: `{"isolation": "none"}`, env: testenv.Env{}, scope: "shared", mode: cache.ReadWrite, warning: "CVE-2025-36852"},
		"main with the key":                     {block: keys, env: testenv.With(testenv.MainRun, secret(key)), scope: "trusted", mode: cache.ReadWrite},
		"main without the key":                  {block: keys, env: testenv.MainRun, scope: "trusted", mode: cache.ReadOnly, warning: "NX_AZURE_CACHE_SIGNING_KEY is not set"},
		"main with another key":                 {block: keys, env: testenv.With(testenv.MainRun, secret(other)), scope: "trusted", mode: cache.ReadOnly, warning: other.Public().ID()},
		"main with a broken key":                {block: keys, env: testenv.With(testenv.MainRun, testenv.Env{trust.SigningKeyVariable: "x"}), scope: "trusted", mode: cache.ReadOnly, warning: "neither a private key"},
		"main with a key, but no public keys":   {block: `{}`, env: testenv.With(testenv.MainRun, secret(key)), scope: "trusted", mode: cache.ReadWrite},
		"main with a revoked key":               {block: keys[:len(keys)-1] + `, "revokedKeys": ["` + key.Public().ID() + `"]}`, env: testenv.With(testenv.MainRun, secret(key)), scope: "trusted", mode: cache.ReadOnly, warning: "is revoked"},
		"a pull request with the key":           {block: keys, env: testenv.With(testenv.PullRun, secret(key)), scope: "pr-12", mode: cache.ReadWrite, warning: "is set in an untrusted run"},
		"a pull request with a broken key":      {block: keys, env: testenv.With(testenv.PullRun, testenv.Env{trust.SigningKeyVariable: "x"}), scope: "pr-12", mode: cache.ReadWrite, warning: "is set in an untrusted run"},
		"a read-only pull request with the key": {block: keys, env: testenv.With(testenv.PullRun, secret(key), testenv.Env{config.ModeVariable: "read-only"}), scope: "pr-12", mode: cache.ReadOnly, warning: "is set in an untrusted run"},
		"a pull request without the key":        {block: keys, env: testenv.PullRun, scope: "pr-12", mode: cache.ReadWrite},
		"main, read-only":                       {block: keys, env: testenv.With(testenv.MainRun, testenv.Env{config.ModeVariable: "read-only"}), scope: "trusted", mode: cache.ReadOnly},
		"an unknown CI, read-only":              {block: `{}`, env: testenv.Env{config.ModeVariable: "read-only"}, scope: "untrusted", mode: cache.ReadOnly},
		"no isolation, read-only":               {block: `{"isolation": "none"}`, env: testenv.With(testenv.MainRun, testenv.Env{config.ModeVariable: "read"}), scope: "shared", mode: cache.ReadOnly, warning: "CVE-2025-36852"},
	} {
		t.Run(name, func(t *testing.T) {
			environment := testenv.With(test.env, testenv.Env{license.Variable: testenv.License(t, "valid.jwt")})
			params := rpc.InitializeParams{Config: testenv.TrustConfig(test.block), CI: !test.local, DefaultBase: test.defaultBase, WorkspaceRoot: t.TempDir()}
			session := openSession(params, environment.Get, testenv.During)
			if session.Cache == nil || session.Scope != test.scope || session.Mode != test.mode || session.ScopeReason == "" {
				t.Errorf("got %+v, want the scope %s and the mode %s", session, test.scope, test.mode)
			}
			for _, warning := range session.Warnings {
				diagnostictest.Check(t, warning)
			}
			isThere := len(stringsOf(session)) == 1 && test.warning != "" && strings.Contains(stringsOf(session)[0], test.warning)
			if !isThere && (test.warning != "" || len(stringsOf(session)) > 0) {
				t.Errorf("got the warnings %q, want %q", stringsOf(session), test.warning)
			}
			for _, line := range stringsOf(session) {
				testenv.CheckLine(t, line)
			}
		})
	}
}

// A run signs its entries only if it is trusted and has the key.
func TestSignedEntries(t *testing.T) {
	key := testenv.NewSigningKey(t)
	for name, test := range map[string]struct {
		run    testenv.Env
		blob   string
		signed bool
	}{
		"main":           {testenv.MainRun, "v1/trusted/1", true},
		"a pull request": {testenv.PullRun, "v1/pr-12/1", false},
	} {
		t.Run(name, func(t *testing.T) {
			storage, connection := testenv.StartStorage(t)
			s, _ := serveWith(t, testenv.With(test.run, testenv.Env{
				license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection, trust.SigningKeyVariable: string(key.PEM()),
			}))
			params := initializeParams(t.TempDir(), `{"container": "artifacts", "trust": {"publicKeys": ["`+key.Public().String()+`"]}}`)
			params.CI = true
			if err := s.Call(t.Context(), "initialize", params, nil); err != nil {
				t.Fatal(err)
			}
			s.store(t)
			if got := <-s.stored; got.Outcome != cache.OutcomeStored {
				t.Fatalf("got %+v", got)
			}
			blob, ok := storage.Service.Blob("artifacts", test.blob)
			if !ok {
				t.Fatalf("no entry %s", test.blob)
			}
			envelope := blob.Metadata.Get("dsse")
			if (envelope != "") != test.signed || (blob.Metadata.Get("statement") != "") == test.signed {
				t.Errorf("got %v", blob.Metadata)
			}
			if opened, err := trust.Read(envelope); test.signed && (err != nil || opened.KeyID != key.Public().ID() ||
				opened.Statement.Provenance.Ref != "refs/heads/main" || opened.Statement.Provenance.Tool != "nx-azure-cache "+version) {
				t.Errorf("got %+v, %v", opened, err)
			}
		})
	}
}

// With public keys, main does not restore unsigned entries, and reports them. Without
// public keys it restores them.
func TestUnsignedEntries(t *testing.T) {
	key := testenv.NewSigningKey(t)
	const block = `{"container": "artifacts"}`
	signed := `{"container": "artifacts", "trust": {"publicKeys": ["` + key.Public().String() + `"]}}`
	_, connection := testenv.StartStorage(t)
	environment := testenv.With(testenv.MainRun, testenv.Env{license.Variable: testenv.License(t, "valid.jwt"), config.ConnectionVariable: connection})
	as := func(config string) *session {
		s, _ := serveWith(t, environment)
		params := initializeParams(t.TempDir(), config)
		params.CI = true
		if err := s.Call(t.Context(), "initialize", params, nil); err != nil {
			t.Fatal(err)
		}
		return s
	}
	writer := as(block)
	writer.store(t)
	if got := <-writer.stored; got.Outcome != cache.OutcomeStored {
		t.Fatalf("got %+v", got)
	}
	if hit := as(block).retrieve(t.TempDir()); hit == nil {
		t.Error("got a miss without keys: the test tested nothing")
	}
	err := as(signed).Call(t.Context(), "retrieve", rpc.RetrieveParams{Hash: "1", CacheDirectory: t.TempDir()}, nil)
	if err == nil || !strings.Contains(err.Error(), "it is not signed") {
		t.Errorf("got %v, want it rejected", err)
	}
}
