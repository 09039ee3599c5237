package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// marks are shown before the status on a terminal.
var marks = map[Status]string{
	statusOK: "✓", statusWarning: "⚠", statusFailed: "✗", statusSkipped: "-", statusUnknown: "?", statusNone: "-",
	statusEnforced: "✓", statusAllowed: "✓", statusExposed: "✗", statusMissing: "✗",
}

// Print writes the report for people: a line for each check, and below them each fix once.
func (r *Report) Print(w io.Writer, isTerminal bool) error {
	var lines terminal.Lines
	isWhole := r.isWhole()
	if !isWhole {
		r.head(&lines)
	}
	width := 0
	for _, c := range r.Checks {
		width = max(width, len(c.Check))
	}
	var fixes []string
	var of Part
	for _, c := range r.Checks {
		if isWhole && c.Part != of {
			if of != "" {
				lines.Printf("")
			}
			lines.Printf("%s", titles[c.Part])
			of = c.Part
		}
		note := ""
		if c.Fix != "" {
			if !slices.Contains(fixes, c.Fix) {
				fixes = append(fixes, c.Fix)
			}
			note = fmt.Sprintf(" [%d]", slices.Index(fixes, c.Fix)+1)
		}
		lines.Printf("%s%s%-8s  %-*s  %s%s", unless(!isWhole, "  "), unless(!isTerminal, marks[c.Status]+" "), c.Status, width, c.Check, c.Seen, note)
	}
	if len(fixes) > 0 {
		lines.Printf("")
		lines.Printf("what to do:")
	}
	for i, fix := range fixes {
		lines.Printf("  [%d] %s", i+1, fix)
	}
	r.foot(&lines)
	_, err := lines.WriteTo(w)
	return err
}

// unless returns text if is is false.
func unless(is bool, text string) string {
	if is {
		return ""
	}
	return text
}

func (r *Report) head(lines *terminal.Lines) {
	lines.Printf("scope      %s (%s)", r.Run.Scope, r.Run.Reason)
	lines.Printf("identity   %s", r.Identity.Description)
	for _, c := range r.Containers {
		lines.Printf("container  %s (%s)", c.URL, strings.Join(c.Scopes, ", "))
	}
	lines.Printf("")
}

func (r *Report) foot(lines *terminal.Lines) {
	if len(r.Leftovers) > 0 {
		r.footLeftovers(lines)
	}
	counts := make(map[Status]int)
	for _, c := range r.Checks {
		counts[c.Status]++
	}
	var found []string
	for _, s := range []Status{statusFailed, statusExposed, statusMissing, statusUnknown, statusSkipped, statusWarning, statusOK, statusEnforced, statusAllowed} {
		if counts[s] > 0 {
			found = append(found, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	lines.Printf("")
	lines.Printf("%s. %s", strings.Join(found, ", "), r.conclusion())
}

func (r *Report) footLeftovers(lines *terminal.Lines) {
	lines.Printf("")
	lines.Printf("left over: this identity could not delete it. Someone with delete permission can run")
	lines.Printf("  npx nx-azure-cache evict --hash %s --yes", r.Canary)
	lines.Printf("or with")
	for _, l := range r.Leftovers {
		if l.Command == "" {
			lines.Printf("  (no command: its URL cannot be pasted into a shell) %s", l.URL)
		} else {
			lines.Printf("  %s", l.Command)
		}
	}
}

func (r *Report) conclusion() string {
	first := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Status == statusFailed })
	switch {
	case first >= 0:
		c := r.Checks[first]
		return fmt.Sprintf("The remote cache does not work here. Start with: %s: %s", c.Check, c.Seen)
	case r.ExitCode == ExitFailed:
		return r.works() + "This run can change what others trust."
	case r.ExitCode == ExitUntried:
		return "It is unknown what this run can do: not everything could be tried."
	case r.Run != nil && r.Run.Trusted:
		return r.works() + "This run is trusted. Run doctor in a pull request and on a developer's machine, too."
	default:
		return r.works() + "This run can change nothing that others trust."
	}
}

// works says whether the cache works, if all checks ran.
func (r *Report) works() string {
	switch {
	case !r.isWhole() || slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Status == statusSkipped && c.ID == string(c.Part) }):
		return ""
	case r.Run != nil && r.Run.Mode == string(cache.NoCache):
		return "This run has no remote cache, because its mode is " + r.Run.Mode + ". "
	default:
		return "The remote cache works here. "
	}
}

// isWhole reports whether more than the check security ran.
func (r *Report) isWhole() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Part != partSecurity })
}
