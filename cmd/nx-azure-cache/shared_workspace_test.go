package main

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The names of the variables that this package sets. It does not import package config,
// whose tests use it.
const (
	connectionName = "AZURE_STORAGE_CONNECTION_STRING"
	workspaceName  = "NX_AZURE_CACHE_WORKSPACE"
)

// doctorEnv is the environment of a run in a workspace with that configuration.
func doctorEnv(t *testing.T, run testenv.Env, block, connection string) testenv.Env {
	t.Helper()
	workspace, err := json.Marshal(map[string]any{
		"workspaceRoot": t.TempDir(), "ci": len(run) > 0, "config": json.RawMessage(block),
	})
	if err != nil {
		t.Fatal(err)
	}
	environment := maps.Clone(run)
	environment[workspaceName] = string(workspace)
	environment[connectionName] = connection
	environment["HTTPS_PROXY"] = offline["HTTPS_PROXY"]
	return environment
}

// plainConfig is a block "azure" with a prefix.
const plainConfig = `{"container": "artifacts", "prefix": "team/app"}`

// Version is the version of this program in tests.
const testVersion = "0.0.0-dev"

// launched is what the npm package reports where all is well.
var launched = map[string]any{
	"version": testVersion,
	"checks": []map[string]string{
		{"part": "package", "id": "nx-cloud", "check": "Nx Cloud", "status": "ok", "seen": "not connected"},
		{"part": "package", "id": "loaded", "check": "the package Nx loads", "status": "ok", "seen": "nx-azure-cache 1.2.3"},
		{"part": "versions", "id": "nx", "check": "Nx", "status": "ok", "seen": "24.0.6"},
	},
}

// wholeEnv is the environment of a run that is examined as a whole.
func wholeEnv(t *testing.T, run testenv.Env, config, connection string) testenv.Env {
	t.Helper()
	environment := doctorEnv(t, run, config, connection)
	environment[license.Variable] = testenv.License(t, "valid.jwt")
	return tell(t, environment, func(document map[string]any) { document["launcher"] = launched })
}

// tell changes what the npm package tells.
func tell(t *testing.T, e testenv.Env, change func(map[string]any)) testenv.Env {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(e[workspaceName]), &document); err != nil {
		t.Fatal(err)
	}
	change(document)
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	changed := maps.Clone(e)
	changed[workspaceName] = string(text)
	return changed
}
