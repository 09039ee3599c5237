package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
)

// WorkspaceVariable is the variable in which the npm package passes on what Nx knows of
// the workspace.
const WorkspaceVariable = "NX_AZURE_CACHE_WORKSPACE"

// Document is the value of WorkspaceVariable.
type Document struct {
	CI          bool            `json:"ci"`
	DefaultBase string          `json:"defaultBase"`
	Config      json.RawMessage `json:"config"` // the azure block of nx.json
	// Extended lists the keys of nx.json, among azure and defaultBase, whose values come
	// from a file that nx.json extends.
	Extended []string `json:"extended"`
	// Problem says why nx.json of the workspace could not be read; the other fields are
	// then unset.
	Problem       string `json:"problem"`
	WorkspaceRoot string `json:"workspaceRoot"`
	NxVersion     string `json:"nxVersion"`
	// CacheDirectory is Nx's, for doctor and inspect; "" if unknown.
	CacheDirectory string `json:"cacheDirectory"`
	// Claims are the variables that .env files of the checkout set.
	Claims []claims.Claim `json:"claims"`
	// Launcher is for doctor; nil without the npm package.
	Launcher *Launcher `json:"launcher"`
}

// Launcher is what the npm package reports about what only Node.js knows.
type Launcher struct {
	Version string          `json:"version"` // of the package
	Checks  []LauncherCheck `json:"checks"`
}

// LauncherCheck is a check of the npm package, as doctor shows it.
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
		return Document{CI: trust.IsCI(getenv)}, nil
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return document, fmt.Errorf("%s is not what the npm package writes: %w", WorkspaceVariable, err)
	}
	return document, nil
}

// Keys returns the keys of the azure block.
func (d Document) Keys() (keys map[string]any) {
	if json.Unmarshal(d.Config, &keys) != nil {
		return nil // readSettings reports it
	}
	return keys
}

func (d Document) HasConfig() bool {
	return len(d.Config) > 0 && !bytes.Equal(d.Config, []byte("null"))
}
