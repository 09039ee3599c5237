package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
)

// ProtocolVersion is the version of the protocol that doc.go describes.
const ProtocolVersion = 1

// InitializeParams are the params of initialize.
type InitializeParams struct {
	ProtocolVersion int             `json:"protocolVersion"`
	ClientVersion   string          `json:"clientVersion"`
	ProcessID       int             `json:"processId"`
	WorkspaceRoot   string          `json:"workspaceRoot"`
	NxVersion       string          `json:"nxVersion"`
	CI              bool            `json:"ci"`
	Config          json.RawMessage `json:"config,omitempty"`      // the block "azure" of nx.json
	DefaultBase     string          `json:"defaultBase,omitempty"` // of nx.json
	// Extended lists which of azure and defaultBase come from a file that nx.json extends.
	Extended []string `json:"extended,omitempty"`
	Claims   []Claim  `json:"claims,omitempty"`
}

// Claim is an environment variable that the checkout has set, for example in a .env file.
type Claim struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"file"` // such as ".env"; "" for code of the workspace
	// IsEmpty reports whether the variable is set and empty in the server's environment.
	IsEmpty bool `json:"isEmpty,omitempty"`
}

// Format hides the value from every verb, because it may be a secret.
func (c Claim) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%q of %q", c.Name, c.File)
}

func (p *InitializeParams) check() error {
	if p.ProtocolVersion != ProtocolVersion {
		return diagnostic.With(diagnostic.VersionsDiffer, fmt.Errorf("protocolVersion is %d; this binary speaks %d: reinstall nx-azure-cache, so that the package and the binary have the same version", p.ProtocolVersion, ProtocolVersion))
	}
	return checkPath("workspaceRoot", p.WorkspaceRoot)
}

// InitializeResult is the result of initialize.
type InitializeResult struct {
	ServerVersion string          `json:"serverVersion"`
	Enabled       bool            `json:"enabled"`
	Reason        string          `json:"reason"`
	Diagnostic    diagnostic.Code `json:"diagnostic,omitempty"`
	Mode          cache.Mode      `json:"mode"`
	Scope         string          `json:"scope"`
	ScopeReason   string          `json:"scopeReason"`
	Location      string          `json:"location"`
	Session       string          `json:"session"`
	IdleTimeout   int64           `json:"idleTimeout"`        // milliseconds
	Drain         int64           `json:"drain"`              // milliseconds
	Tasks         bool            `json:"tasks"`              // retrieve and store must have a task
	Backfill      bool            `json:"backfill,omitempty"` // the client should report local hits
	Records       bool            `json:"records,omitempty"`  // the client should report the end of its run
	RecordAwaited bool            `json:"recordAwaited,omitempty"`
	License       LicenseResult   `json:"license"`
}

// LicenseResult is the license in the result of initialize.
type LicenseResult struct {
	Status       string `json:"status"`
	Organization string `json:"organization"`
	ExpiresAt    string `json:"expiresAt"` // RFC 3339, or ""
}

// Task is the task of a hash, as Nx names it.
type Task struct {
	Project       string `json:"project"`
	Target        string `json:"target"`
	Configuration string `json:"configuration,omitempty"`
}

// String returns the name of the task, as Nx writes it; "" for nil.
func (t *Task) String() string {
	switch {
	case t == nil:
		return ""
	case t.Configuration == "":
		return t.Project + ":" + t.Target
	default:
		return t.Project + ":" + t.Target + ":" + t.Configuration
	}
}

func (t *Task) check() error {
	if t != nil && (t.Project == "" || t.Target == "") {
		return errors.New("task must have a project and a target")
	}
	return nil
}

// RetrieveParams are the params of retrieve.
type RetrieveParams struct {
	Hash           string   `json:"hash"`
	CacheDirectory string   `json:"cacheDirectory"`
	Task           *Task    `json:"task,omitempty"`
	Outputs        []string `json:"outputs,omitempty"`
}

func (p *RetrieveParams) check() error {
	return errors.Join(taskhash.Check(p.Hash), checkPath("cacheDirectory", p.CacheDirectory), p.Task.check())
}

// RetrieveResult is the result of retrieve for a hit.
type RetrieveResult struct {
	Code               int     `json:"code"`
	OutputsPath        string  `json:"outputsPath"`
	Size               int64   `json:"size"` // bytes
	TerminalOutput     *string `json:"terminalOutput,omitempty"`
	TerminalOutputPath *string `json:"terminalOutputPath,omitempty"`
}

// StoreParams are the params of store.
type StoreParams struct {
	Hash               string    `json:"hash"`
	CacheDirectory     string    `json:"cacheDirectory"`
	Code               *int      `json:"code"` // a pointer, because a missing code must not count as 0
	TerminalOutput     *string   `json:"terminalOutput,omitempty"`
	TerminalOutputPath *string   `json:"terminalOutputPath,omitempty"`
	Task               *Task     `json:"task,omitempty"`
	Snapshot           *Snapshot `json:"snapshot,omitempty"`
	Outputs            []string  `json:"outputs,omitempty"`
	Took               *int64    `json:"took,omitempty"` // milliseconds
}

func (p *StoreParams) check() error {
	errs := []error{taskhash.Check(p.Hash), checkPath("cacheDirectory", p.CacheDirectory), p.Task.check(), p.Snapshot.check()}
	if p.Code == nil {
		errs = append(errs, errors.New("code is missing"))
	}
	if (p.TerminalOutput == nil) == (p.TerminalOutputPath == nil) {
		errs = append(errs, errors.New("exactly one of terminalOutput and terminalOutputPath must be set"))
	}
	if p.Took != nil && *p.Took < 0 {
		errs = append(errs, errors.New("took must be a number of milliseconds"))
	}
	if p.TerminalOutputPath != nil {
		errs = append(errs, checkPath("terminalOutputPath", *p.TerminalOutputPath))
	}
	return errors.Join(errs...)
}

// StoreResult is the result of store.
type StoreResult struct {
	Queued     bool            `json:"queued"`
	Reason     string          `json:"reason"`
	Diagnostic diagnostic.Code `json:"diagnostic,omitempty"`
}

// StoredParams are the params of the notification stored.
type StoredParams struct {
	Hash       string          `json:"hash"`
	Bytes      int64           `json:"bytes"`
	Outcome    cache.Outcome   `json:"outcome"`
	Reason     string          `json:"reason"`
	Code       *int64          `json:"code,omitempty"` // of the error
	Diagnostic diagnostic.Code `json:"diagnostic,omitempty"`
	More       int             `json:"more,omitempty"` // in a state file: other problems of the kind
}

// ProgressParams are the params of the notification progress.
type ProgressParams struct {
	Bytes int64 `json:"bytes"`
}

// LogParams are the params of the notification log.
type LogParams struct {
	Level      string          `json:"level"` // debug, warn or error
	Message    string          `json:"message"`
	Diagnostic diagnostic.Code `json:"diagnostic,omitempty"`
	Fields     map[string]any  `json:"fields,omitempty"`
}

// cancelParams are the params of the notification $/cancelRequest.
type cancelParams struct {
	ID *jsonrpc2.ID `json:"id"`
}

func checkPath(name, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is %q; it must be an absolute path", name, printable.Short(path, maxShown))
	}
	return nil
}
