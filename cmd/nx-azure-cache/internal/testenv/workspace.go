package testenv

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The names of the variables that this package sets. It does not import package config,
// whose tests use it.
const (
	connectionName = "AZURE_STORAGE_CONNECTION_STRING"
	workspaceName  = "NX_AZURE_CACHE_WORKSPACE"
)

// WorkspaceEnv returns the environment of a run in a workspace with a block "azure".
func WorkspaceEnv(t *testing.T, run Env, block, connection string) Env {
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
	environment["HTTPS_PROXY"] = Offline["HTTPS_PROXY"]
	return environment
}

// PlainConfig is a block "azure" with a prefix.
const PlainConfig = `{"container": "artifacts", "prefix": "team/app"}`

// Version is the version of this program in tests.
const Version = "0.0.0-dev"

// launched is the report of the npm package if it finds no problem.
var launched = map[string]any{
	"version": Version,
	"checks": []map[string]string{
		{"part": "package", "id": "nx-cloud", "check": "Nx Cloud", "status": "ok", "seen": "not connected"},
		{"part": "package", "id": "loaded", "check": "the package Nx loads", "status": "ok", "seen": "nx-azure-cache 1.2.3"},
		{"part": "versions", "id": "nx", "check": "Nx", "status": "ok", "seen": "24.0.6"},
	},
}

// LicensedEnv returns the environment of a run that doctor examines as a whole.
func LicensedEnv(t *testing.T, run Env, config, connection string) Env {
	t.Helper()
	environment := WorkspaceEnv(t, run, config, connection)
	environment[license.Variable] = License(t, "valid.jwt")
	return Tell(t, environment, func(document map[string]any) { document["launcher"] = launched })
}

// Tell changes the document of the npm package.
func Tell(t *testing.T, e Env, change func(map[string]any)) Env {
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
