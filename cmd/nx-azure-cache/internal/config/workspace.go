package config

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
)

// Workspace is what is known of a workspace and of the run in it.
type Workspace struct {
	Document Document
	Settings Settings
	Policy   RunPolicy
	Warnings []diagnostic.Message // about the settings
	// Problem joins all problems of the settings. The settings are then incomplete.
	Problem error
	// Getenv is the environment with the claims that count.
	Getenv func(string) string
}

// Load reads nx.json, the overrides and the environment. It sends nothing over the
// network.
func Load(getenv func(string) string, o *Overrides) (w Workspace) {
	w.Document, w.Problem = ReadDocument(getenv)
	found := claims.New(w.Document.Claims)
	w.Getenv = found.Over(getenv)
	if w.Problem == nil {
		w.Problem = o.check(w.Document, w.Getenv)
	}
	if w.Problem == nil {
		w.readSettings(found, getenv, o)
	} else {
		w.Settings.Claims = found
	}
	w.Policy = w.Settings.RunPolicy(w.Document.CI, w.Document.base(), w.Getenv)
	return w
}

// readSettings reads the settings. given is the environment without the claims.
func (w *Workspace) readSettings(found claims.Set, given func(string) string, o *Overrides) {
	var ignored []diagnostic.Message
	w.Document.Config, ignored = WithoutExtended(w.Document.Config, w.Document.Extended)
	config := o.apply(w.Document)
	w.Settings, w.Warnings, w.Problem = ReadSettings(config, w.Document.CI, w.Getenv)
	if w.Settings.Mode == cache.NoCache { // the mode only concerns runs of Nx
		w.Settings, w.Warnings, w.Problem = ReadSettings(withoutModes(config), w.Document.CI, func(name string) string {
			if name == ModeVariable {
				return ""
			}
			return w.Getenv(name)
		})
		w.Settings.Mode = cache.NoCache
	}
	w.Warnings = append(ignored, append(w.Warnings, w.Settings.SetClaims(found, given)...)...)
}
