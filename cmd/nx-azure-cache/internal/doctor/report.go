package doctor

import "github.com/nx-azure-cache/nx-azure-cache/cache/printable"

// Report is the result of doctor. The help of the command describes its JSON.
type Report struct {
	Run        *runReport        `json:"run"`
	Identity   *identity         `json:"identity"`
	Containers []containerReport `json:"containers"`
	Canary     string            `json:"canary"`
	SignIn     *signInReport     `json:"signIn,omitempty"`
	Network    *networkReport    `json:"network,omitempty"`
	RoundTrip  *roundTripReport  `json:"roundTrip,omitempty"`
	Checks     []Check           `json:"checks"`
	Leftovers  []leftover        `json:"leftovers"`
	ExitCode   int               `json:"exitCode"`

	// isWhole reports that more than the part security was examined. People then read one
	// row of that part.
	isWhole  bool
	security Check
}

type runReport struct {
	Scope   string `json:"scope"`
	Reason  string `json:"reason"`
	Trusted bool   `json:"trusted"`
	Mode    string `json:"mode"`
}

type containerReport struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Scopes []string `json:"scopes"` // kinds of scopes
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
	partPackage   Part = "package"
	partVersions  Part = "versions"
	partConfig    Part = "config"
	partLicense   Part = "license"
	partSignIn    Part = "sign-in"
	partNetwork   Part = "network"
	partRights    Part = "rights"
	partRoundTrip Part = "round-trip"
	partLastRun   Part = "last-run"
	partSecurity  Part = "security"
)

// titles are the titles of the parts, for people.
var titles = map[Part]string{
	partPackage:   "what Nx loads",
	partVersions:  "versions",
	partConfig:    "configuration",
	partLicense:   "license",
	partSignIn:    "sign-in",
	partNetwork:   "network",
	partRights:    "the container, and the permissions of this run",
	partRoundTrip: "a round trip",
	partLastRun:   "the last run of Nx here",
	partSecurity:  "what must be forbidden",
}

// Status is the result of a check.
type Status string

const (
	statusOK      Status = "ok"
	statusWarning Status = "warning"
	statusFailed  Status = "failed"
	statusSkipped Status = "skipped"
	statusUnknown Status = "unknown"
	statusNone    Status = "none"

	statusEnforced Status = "enforced"
	statusExposed  Status = "exposed"
	statusAllowed  Status = "allowed"
	statusMissing  Status = "missing"
)

// leftover is an entry that doctor made and could not remove.
type leftover struct {
	Container string `json:"container"`
	Name      string `json:"name"`
	URL       string `json:"url"`
	Command   string `json:"command"` // "" if the URL cannot be pasted into a shell
}

// add adds a row.
func (r *Report) add(of Part, id, what string, found Status, seen, fix string) {
	r.Checks = append(r.Checks, Check{
		Part: of, ID: id, Check: what, Status: found, Seen: seen, Fix: fix, Fails: found == statusFailed,
	})
}

// skip adds the row of a part that was skipped.
func (r *Report) skip(of Part, why string) {
	r.add(of, string(of), string(of), statusSkipped, why, "")
}

// conclude makes the rows safe to print, and sets the exit code. In the whole report, the
// part security counts for the exit code in CI only: on a developer's machine, the cache
// works although this person may write what others trust.
func (r *Report) conclude(isCI bool) {
	for i := range r.Checks {
		c := &r.Checks[i]
		for _, text := range []*string{&c.Check, &c.Seen, &c.Fix} {
			*text = printable.Line(*text)
		}
	}
	if r.isWhole {
		r.security = r.summarizeSecurity()
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		counts := c.Part != partSecurity || !r.isWhole || isCI
		c.Fails = c.Fails && counts
		switch {
		case c.Fails:
			r.ExitCode = ExitFailed
		case c.Status == statusUnknown && counts && r.ExitCode == 0:
			r.ExitCode = ExitUntried
		}
	}
}
