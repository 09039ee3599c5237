package doctor

import "github.com/nx-azure-cache/nx-azure-cache/cache/printable"

// Report is what doctor prints. Its JSON is described in doctorHelp.
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
	Scopes []string `json:"scopes"` // their kinds
}

// Check is one thing that was looked at.
type Check struct {
	Part      Part   `json:"part"`
	ID        string `json:"id"`
	Check     string `json:"check"` // for people
	Scope     string `json:"scope,omitempty"`
	Container string `json:"container,omitempty"`
	Operation string `json:"operation,omitempty"`
	Status    Status `json:"status"`
	Seen      string `json:"seen"`
	Fix       string `json:"fix,omitempty"`
	Fails     bool   `json:"fails"` // it makes the exit code 1
}

// The exit codes of doctor beside 0, see doctorHelp.
const (
	ExitFailed  = 1
	ExitUntried = 2
)

// Part is a kind of checks, see doctorHelp.
type Part string

// The parts, in the order in which they are looked at.
const (
	partPackage   Part = "package"
	partVersions  Part = "versions"
	partConfig    Part = "config"
	partLicense   Part = "license"
	partSignIn    Part = "sign-in"
	partNetwork   Part = "network"
	partRights    Part = "rights"
	partRoundTrip Part = "round-trip"
	partSecurity  Part = "security"
)

// titles are what the parts are called where people read.
var titles = map[Part]string{
	partPackage:   "what Nx loads",
	partVersions:  "versions",
	partConfig:    "configuration",
	partLicense:   "license",
	partSignIn:    "sign-in",
	partNetwork:   "network",
	partRights:    "the container, and the permissions of this run",
	partRoundTrip: "a round trip",
	partSecurity:  "what must be forbidden",
}

// Status is what a check has found, see doctorHelp.
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

// leftover is an entry that was made and could not be removed.
type leftover struct {
	Container string `json:"container"`
	Name      string `json:"name"`
	URL       string `json:"url"`
	Command   string `json:"command"` // "" where no shell takes the URL
}

// add adds what was looked at.
func (r *Report) add(of Part, id, what string, found Status, seen, fix string) {
	r.Checks = append(r.Checks, Check{
		Part: of, ID: id, Check: what, Status: found, Seen: seen, Fix: fix, Fails: found == statusFailed,
	})
}

// skip says that a part was not looked at.
func (r *Report) skip(of Part, why string) {
	r.add(of, string(of), string(of), statusSkipped, why, "")
}

// conclude makes safe what people read, and finds the exit code that belongs to what
// was found.
func (r *Report) conclude() {
	for i := range r.Checks {
		for _, text := range []*string{&r.Checks[i].Check, &r.Checks[i].Seen, &r.Checks[i].Fix} {
			*text = printable.Line(*text)
		}
	}
	for _, c := range r.Checks {
		switch {
		case c.Fails:
			r.ExitCode = ExitFailed
			return
		case c.Status == statusUnknown:
			r.ExitCode = ExitUntried
		}
	}
}
