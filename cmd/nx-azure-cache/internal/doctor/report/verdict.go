package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// verdict says in one line whether the remote cache works here, or with --security whether
// the storage protects other runs from this one. note is the number of a row's fix, such
// as " [1]".
func (r *Report) verdict(note func(Check) string) string {
	if !r.IsWhole {
		return r.securityVerdict()
	}
	if c, ok := r.first(Failed); ok {
		return fmt.Sprintf("The remote cache does not work here: %s: %s%s", c.Check, c.Seen, note(c))
	}
	if c, ok := r.first(Unknown); ok {
		return fmt.Sprintf("It is unknown whether the remote cache works here: %s: %s", c.Check, c.Seen)
	}
	works := "The remote cache works here."
	if c, ok := r.firstSkippedPart(); ok {
		works = fmt.Sprintf("No check failed, but not all checks ran: %s: %s.", c.Check, c.Seen)
	} else if r.Run != nil && r.Run.Mode == string(cache.NoCache) {
		works = fmt.Sprintf("This run has no remote cache, because its mode is %s.", r.Run.Mode)
	}
	works += r.warnings(note)
	switch r.ExitCode { // the part security counts
	case ExitFailed:
		works += " But this run can change what other runs trust" + note(r.security) + "."
	case ExitUntried:
		works += " Not every check of security could be tried" + note(r.security) + "."
	}
	return works
}

// first returns the first row with a status, outside the part security.
func (r *Report) first(s Status) (Check, bool) {
	return firstOf(r.Checks, func(c Check) bool { return c.Part != Security && c.Status == s })
}

// firstSkippedPart returns the row of a part that was skipped.
func (r *Report) firstSkippedPart() (Check, bool) {
	return firstOf(r.Checks, func(c Check) bool {
		return c.Status == Skipped && c.ID == string(c.Part) && c.Part != Security
	})
}

func firstOf(checks []Check, matches func(Check) bool) (Check, bool) {
	at := slices.IndexFunc(checks, matches)
	if at < 0 {
		return Check{}, false
	}
	return checks[at], true
}

// warnings is such as " Warnings: [1], [2].".
func (r *Report) warnings(note func(Check) string) string {
	var notes []string
	for _, c := range r.Checks {
		if n := strings.TrimSpace(note(c)); c.Part != Security && c.Status == Warning && !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	if len(notes) == 0 {
		return ""
	}
	return " Warnings: " + strings.Join(notes, ", ") + "."
}

func (r *Report) securityVerdict() string {
	switch {
	case r.ExitCode == ExitFailed:
		return "This run can change what other runs trust."
	case r.ExitCode == ExitUntried:
		return "It is unknown what this run can do: not everything could be tried."
	case r.Run != nil && r.Run.Trusted:
		return trustedRun
	default:
		return "This run can change nothing that other runs trust."
	}
}

// securityFix shows all rows of the part security.
const securityFix = "npx nx-azure-cache doctor --security"

const trustedRun = "This run is trusted. Run doctor --security in a pull request and on a developer's machine, too."

// summarizeSecurity returns the row that people read instead of the part security.
func (r *Report) summarizeSecurity() Check {
	counts, protections, planted := make(map[Status]int), 0, false
	for _, c := range r.Checks {
		if c.Part != Security {
			continue
		}
		counts[c.Status]++
		planted = planted || c.Status == Exposed && c.Fails
		if c.Status == Missing && (c.ID == SignaturesID || c.ID == SigningKeyID) {
			protections++
		}
		if c.Status == Skipped {
			return c
		}
	}
	row := Check{Part: Security, ID: string(Security), Check: "other runs", Status: Enforced, Fix: securityFix}
	var found []string
	if n := counts[Exposed]; n > 0 {
		row.Status = Exposed
		trusts := "read"
		if planted {
			trusts = "trust"
		}
		found = append(found, fmt.Sprintf("this run can change what other runs %s in %s", trusts, terminal.Count(n, "way", "ways")))
	}
	if protections > 0 {
		found = append(found, terminal.Count(protections, "protection", "protections")+" "+isOrAre(protections)+" missing")
	}
	if n := counts[Missing] - protections; n > 0 {
		found = append(found, terminal.Count(n, "permission", "permissions")+" "+isOrAre(n)+" missing")
	}
	if counts[Missing] > 0 && row.Status != Exposed {
		row.Status = Missing
	}
	if n := counts[Unknown]; n > 0 {
		found = append(found, terminal.Count(n, "check", "checks")+" could not be tried")
		if row.Status == Enforced {
			row.Status = Unknown
		}
	}
	switch {
	case len(found) > 0:
		row.Seen = strings.Join(found, ", ")
	case r.Run != nil && r.Run.Trusted:
		row.Status, row.Seen, row.Fix = Allowed, "this run is trusted, and may change what other runs trust", ""
	default:
		row.Seen, row.Fix = "this run can change nothing that other runs trust", ""
	}
	return row
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
