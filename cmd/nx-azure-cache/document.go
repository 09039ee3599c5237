package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// workspaceVariable is how the npm package hands on what Nx knows of the
// workspace, where people run a command.
const workspaceVariable = "NX_AZURE_CACHE_WORKSPACE"

// workspaceDocument is its value.
type workspaceDocument struct {
	CI          bool            `json:"ci"`
	DefaultBase string          `json:"defaultBase"`
	Config      json.RawMessage `json:"config"` // the block "azure" of nx.json
	// Extended are the keys of nx.json, azure and defaultBase, whose values come from a
	// file that it extends.
	Extended []string `json:"extended"`
	// Problem is why the rest is missing, where there is a workspace.
	Problem       string `json:"problem"`
	WorkspaceRoot string `json:"workspaceRoot"`
	NxVersion     string `json:"nxVersion"`
	// Claims are variables that the checkout has set.
	Claims []claim `json:"claims"`
	// Launcher is for doctor; nil without the npm package.
	Launcher *launcherDocument `json:"launcher"`
}

// launcherDocument is what the npm package tells of what only Node.js knows.
type launcherDocument struct {
	Version string          `json:"version"` // of the package
	Checks  []launcherCheck `json:"checks"`
}

// launcherCheck is one thing that the npm package has looked at, as doctor shows it.
type launcherCheck struct {
	Part   string `json:"part"`
	ID     string `json:"id"`
	Check  string `json:"check"`
	Status string `json:"status"`
	Seen   string `json:"seen"`
	Fix    string `json:"fix,omitempty"`
}

func (d workspaceDocument) defaultBase() defaultBase {
	return readDefaultBase(d.DefaultBase, d.Extended)
}

func readDocument(getenv func(string) string) (document workspaceDocument, err error) {
	text := getenv(workspaceVariable)
	if text == "" {
		return workspaceDocument{CI: isCI(getenv)}, nil
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return document, fmt.Errorf("%s is not what the npm package writes: %w", workspaceVariable, err)
	}
	return document, nil
}

// keys are those of the block "azure".
func (d workspaceDocument) keys() (keys map[string]any) {
	if json.Unmarshal(d.Config, &keys) != nil {
		return nil // readSettings says so
	}
	return keys
}

func (d workspaceDocument) hasConfig() bool {
	return len(d.Config) > 0 && !bytes.Equal(d.Config, []byte("null"))
}

// isCI says what Nx's isCI says, which the npm package hands on.
func isCI(getenv func(string) string) bool {
	if ci := getenv("CI"); ci != "" {
		return ci != "false"
	}
	isTrue := []string{"TF_BUILD", "GITHUB_ACTIONS", "BUILDKITE", "CIRCLECI", "CIRRUS_CI", "TRAVIS"}
	isSet := []string{"bamboo.buildKey", "bamboo_buildKey", "CODEBUILD_BUILD_ID", "GITLAB_CI", "HEROKU_TEST_RUN_ID", "BUILD_ID",
		"BUILD_NUMBER", "BUILD_BUILDID", "TEAMCITY_VERSION", "JENKINS_URL", "HUDSON_URL"}
	return slices.ContainsFunc(isTrue, func(name string) bool { return strings.EqualFold(getenv(name), "true") }) ||
		slices.ContainsFunc(isSet, func(name string) bool { return getenv(name) != "" })
}
