package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// WorkspaceVariable is how the npm package hands on what Nx knows of the
// workspace, where people run a command.
const WorkspaceVariable = "NX_AZURE_CACHE_WORKSPACE"

// Document is its value.
type Document struct {
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
	Claims []Claim `json:"claims"`
	// Launcher is for doctor; nil without the npm package.
	Launcher *Launcher `json:"launcher"`
}

// Launcher is what the npm package tells of what only Node.js knows.
type Launcher struct {
	Version string          `json:"version"` // of the package
	Checks  []LauncherCheck `json:"checks"`
}

// LauncherCheck is one thing that the npm package has looked at, as doctor shows it.
type LauncherCheck struct {
	Part   string `json:"part"`
	ID     string `json:"id"`
	Check  string `json:"check"`
	Status string `json:"status"`
	Seen   string `json:"seen"`
	Fix    string `json:"fix,omitempty"`
}

func (d Document) base() DefaultBase {
	return ReadDefaultBase(d.DefaultBase, d.Extended)
}

func ReadDocument(getenv func(string) string) (document Document, err error) {
	text := getenv(WorkspaceVariable)
	if text == "" {
		return Document{CI: IsCI(getenv)}, nil
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return document, fmt.Errorf("%s is not what the npm package writes: %w", WorkspaceVariable, err)
	}
	return document, nil
}

// Keys are those of the block "azure".
func (d Document) Keys() (keys map[string]any) {
	if json.Unmarshal(d.Config, &keys) != nil {
		return nil // readSettings says so
	}
	return keys
}

func (d Document) HasConfig() bool {
	return len(d.Config) > 0 && !bytes.Equal(d.Config, []byte("null"))
}

// IsCI says what Nx's isCI says, which the npm package hands on.
func IsCI(getenv func(string) string) bool {
	if ci := getenv("CI"); ci != "" {
		return ci != "false"
	}
	isTrue := []string{"TF_BUILD", "GITHUB_ACTIONS", "BUILDKITE", "CIRCLECI", "CIRRUS_CI", "TRAVIS"}
	isSet := []string{"bamboo.buildKey", "bamboo_buildKey", "CODEBUILD_BUILD_ID", "GITLAB_CI", "HEROKU_TEST_RUN_ID", "BUILD_ID",
		"BUILD_NUMBER", "BUILD_BUILDID", "TEAMCITY_VERSION", "JENKINS_URL", "HUDSON_URL"}
	return slices.ContainsFunc(isTrue, func(name string) bool { return strings.EqualFold(getenv(name), "true") }) ||
		slices.ContainsFunc(isSet, func(name string) bool { return getenv(name) != "" })
}
