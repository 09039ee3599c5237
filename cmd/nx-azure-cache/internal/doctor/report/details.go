package report

import (
	"net/netip"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Run is the scope and the mode of the run under examination, and why.
type Run struct {
	Scope   string `json:"scope"`
	Reason  string `json:"reason"`
	Trusted bool   `json:"trusted"`
	Mode    string `json:"mode"`
}

// Container is a container that the run uses.
type Container struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Scopes []string `json:"scopes"` // kinds of scopes
}

// Identity describes the credential of a run without revealing it.
type Identity struct {
	Kind        string `json:"kind"` // account-key, sas or entra
	Description string `json:"description"`
	Permissions string `json:"permissions,omitempty"` // of a SAS
}

// SignInResult is what each credential did, and which one is used.
type SignInResult struct {
	Source    string       `json:"source"`
	Principal string       `json:"principal,omitempty"`
	Seconds   float64      `json:"seconds"`
	Steps     []SignInStep `json:"steps"`
}

// SignInStep is what one credential did.
type SignInStep struct {
	Source  string  `json:"source"`
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
}

// Connection is how this machine reaches the storage.
type Connection struct {
	Host        string           `json:"host"` // and port
	Proxy       string           `json:"proxy,omitempty"`
	Addresses   []netip.Addr     `json:"addresses"`
	Private     bool             `json:"private"`
	Issuer      string           `json:"issuer,omitempty"`
	Expires     time.Time        `json:"expires,omitzero"`
	SkewSeconds *float64         `json:"skewSeconds,omitempty"` // nil: unknown
	Steps       []ConnectionStep `json:"steps"`
}

// ConnectionStep is a step of the connection, such as name resolution.
type ConnectionStep struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
	Detail  string  `json:"detail,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Speed is how fast the storage is from this machine.
type Speed struct {
	ReadSeconds        float64 `json:"readSeconds,omitempty"`
	WriteSeconds       float64 `json:"writeSeconds,omitempty"`
	DownBytesPerSecond float64 `json:"downBytesPerSecond,omitempty"`
	UpBytesPerSecond   float64 `json:"upBytesPerSecond,omitempty"`
}

// RunRecords is what this run does with records of runs.
type RunRecords struct {
	Stores bool `json:"stores"` // a run like this one stores its record
	// Recent counts the records of the last seven days in the scopes that the run reads, up
	// to 1,000 in each; nil if they cannot be listed.
	Recent *int `json:"recent,omitempty"`
}

// Leftover is an entry that doctor made and could not remove.
type Leftover struct {
	Container string `json:"container"`
	Name      string `json:"name"`
	URL       string `json:"url"`
	Command   string `json:"command"` // "" if the URL cannot be pasted into a shell
}

// NewLeftover returns the entry with a name in the container at a URL.
func NewLeftover(container, name, containerURL string) Leftover {
	url := containerURL + "/" + name
	command, _ := printable.Command("az storage blob delete --auth-mode login --blob-url %s", url)
	return Leftover{Container: container, Name: name, URL: url, Command: command}
}
