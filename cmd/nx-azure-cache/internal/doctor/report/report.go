package report

import (
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Report is the result of doctor. The help of the command describes its JSON.
type Report struct {
	Run        *Run          `json:"run"`
	Identity   *Identity     `json:"identity"`
	Containers []Container   `json:"containers"`
	Canary     string        `json:"canary"`
	SignIn     *SignInResult `json:"signIn,omitempty"`
	Network    *Connection   `json:"network,omitempty"`
	RoundTrip  *Speed        `json:"roundTrip,omitempty"`
	Records    *RunRecords   `json:"records,omitempty"`
	Checks     []Check       `json:"checks"`
	Leftovers  []Leftover    `json:"leftovers"`
	ExitCode   int           `json:"exitCode"`

	// IsWhole reports that more than the part security was examined. People then read one
	// row of that part, security.
	IsWhole  bool `json:"-"`
	security Check
}

// Check is one row of the report.
type Check struct {
	Part      Part   `json:"part"`
	ID        string `json:"id"`
	Check     string `json:"check"` // for people to read
	Scope     string `json:"scope,omitempty"`
	Container string `json:"container,omitempty"`
	Operation string `json:"operation,omitempty"`
	Status    Status `json:"status"`
	Seen      string `json:"seen"`
	Fix       string `json:"fix,omitempty"`
	Fails     bool   `json:"fails"` // it makes the exit code 1
}

// The exit codes of doctor besides 0.
const (
	ExitFailed  = 1
	ExitUntried = 2
)

// Part is a group of checks.
type Part string

// The parts, in the order of the report.
const (
	Package   Part = "package"
	Versions  Part = "versions"
	Config    Part = "config"
	License   Part = "license"
	SignIn    Part = "sign-in"
	Network   Part = "network"
	Rights    Part = "rights"
	RoundTrip Part = "round-trip"
	Records   Part = "records"
	LastRun   Part = "last-run"
	Security  Part = "security"
)

// titles are the titles of the parts, for people.
var titles = map[Part]string{
	Package:   "what Nx loads",
	Versions:  "versions",
	Config:    "configuration",
	License:   "license",
	SignIn:    "sign-in",
	Network:   "network",
	Rights:    "the container, and the permissions of this run",
	RoundTrip: "a round trip",
	Records:   "records of runs",
	LastRun:   "the last run of Nx here",
	Security:  "what must be forbidden",
}

// The IDs of the rows about signatures. The summary of the part security counts them.
const (
	SignaturesID = "signatures"
	SigningKeyID = "signing-key"
)

// Status is the result of a check.
type Status string

const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	Skipped Status = "skipped"
	Unknown Status = "unknown"
	None    Status = "none"

	Enforced Status = "enforced"
	Exposed  Status = "exposed"
	Allowed  Status = "allowed"
	Missing  Status = "missing"
)

// Add adds a row.
func (r *Report) Add(of Part, id, what string, found Status, seen, fix string) {
	r.Checks = append(r.Checks, Check{
		Part: of, ID: id, Check: what, Status: found, Seen: seen, Fix: fix, Fails: found == Failed,
	})
}

// Skip adds the row of a part that was skipped.
func (r *Report) Skip(of Part, why string) {
	r.Add(of, string(of), string(of), Skipped, why, "")
}

// AddOnce adds a row unless there is one with this ID.
func (r *Report) AddOnce(of Part, id, what string, found Status, seen, fix string) {
	if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Part == of && c.ID == id }) {
		r.Add(of, id, what, found, seen, fix)
	}
}

// Conclude makes the rows safe to print, and sets the exit code. In the whole report, the
// part security counts for the exit code in CI only: on a developer's machine, the cache
// works although this person may write what others trust.
func (r *Report) Conclude(isCI bool) {
	for i := range r.Checks {
		c := &r.Checks[i]
		for _, text := range []*string{&c.Check, &c.Seen, &c.Fix} {
			*text = printable.Line(*text)
		}
	}
	if r.IsWhole {
		r.security = r.summarizeSecurity()
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		counts := c.Part != Security || !r.IsWhole || isCI
		c.Fails = c.Fails && counts
		switch {
		case c.Fails:
			r.ExitCode = ExitFailed
		case c.Status == Unknown && counts && r.ExitCode == 0:
			r.ExitCode = ExitUntried
		}
	}
}
