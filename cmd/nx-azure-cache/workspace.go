package main

import "github.com/nx-azure-cache/nx-azure-cache/cache"

// workspace is what is known of a workspace, and of the run in it.
type workspace struct {
	document workspaceDocument
	settings settings
	role     role
	warnings []string // about the settings
	// problem joins all that is wrong with the settings, which are then what is right of
	// them.
	problem error
	// getenv is the environment with those variables of .env files that count.
	getenv func(string) string
}

// loadWorkspace reads nx.json, the overrides and the environment. It sends nothing over
// the network.
func loadWorkspace(getenv func(string) string, o *overrides) (w workspace) {
	w.document, w.problem = readDocument(getenv)
	claims := newClaims(w.document.Claims)
	w.getenv = claims.over(getenv)
	if w.problem == nil {
		w.problem = o.check(w.document, w.getenv)
	}
	if w.problem == nil {
		w.readSettings(claims, getenv, o)
	} else {
		w.settings.claims = claims
	}
	w.role = w.settings.role(w.document.CI, w.document.defaultBase(), w.getenv)
	return w
}

// readSettings reads the settings. given is the environment without the claims.
func (w *workspace) readSettings(claims claims, given func(string) string, o *overrides) {
	var ignored []string
	w.document.Config, ignored = withoutExtended(w.document.Config, w.document.Extended)
	config := o.apply(w.document)
	w.settings, w.warnings, w.problem = readSettings(config, w.document.CI, w.getenv)
	if w.settings.mode == cache.NoCache { // which is about runs of Nx
		w.settings, w.warnings, w.problem = readSettings(withoutModes(config), w.document.CI, func(name string) string {
			if name == modeVariable {
				return ""
			}
			return w.getenv(name)
		})
		w.settings.mode = cache.NoCache
	}
	w.warnings = append(ignored, append(w.warnings, w.settings.setClaims(claims, given)...)...)
}
