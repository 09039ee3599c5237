package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// marks stand before what was found where a terminal shows it.
var marks = map[status]string{
	ok: "✓", warning: "⚠", failed: "✗", skipped: "-", unknown: "?", none: "-",
	enforced: "✓", allowed: "✓", exposed: "✗", missing: "✗",
}

// print writes the report for people: a line for each check, and what to do below,
// once for all that it mends.
func (r *report) print(w io.Writer, isTerminal bool) error {
	var b strings.Builder
	isWhole := r.isWhole()
	if !isWhole {
		r.head(&b)
	}
	width := 0
	for _, c := range r.Checks {
		width = max(width, len(c.Check))
	}
	var fixes []string
	var of part
	for _, c := range r.Checks {
		if isWhole && c.Part != of {
			b.WriteString(unless(of == "", "\n") + titles[c.Part] + "\n")
			of = c.Part
		}
		b.WriteString(unless(!isWhole, "  ") + unless(!isTerminal, marks[c.Status]+" "))
		fmt.Fprintf(&b, "%-8s  %-*s  %s", c.Status, width, c.Check, c.Seen)
		if c.Fix != "" {
			if !slices.Contains(fixes, c.Fix) {
				fixes = append(fixes, c.Fix)
			}
			fmt.Fprintf(&b, " [%d]", slices.Index(fixes, c.Fix)+1)
		}
		b.WriteString("\n")
	}
	if len(fixes) > 0 {
		b.WriteString("\nwhat to do:\n")
	}
	for i, fix := range fixes {
		fmt.Fprintf(&b, "  [%d] %s\n", i+1, fix)
	}
	r.foot(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// unless returns text where something is not so.
func unless(is bool, text string) string {
	if is {
		return ""
	}
	return text
}

func (r *report) head(b *strings.Builder) {
	fmt.Fprintf(b, "scope      %s (%s)\n", r.Run.Scope, r.Run.Reason)
	fmt.Fprintf(b, "identity   %s\n", r.Identity.Description)
	for _, c := range r.Containers {
		fmt.Fprintf(b, "container  %s (%s)\n", c.URL, strings.Join(c.Scopes, ", "))
	}
	b.WriteString("\n")
}

func (r *report) foot(b *strings.Builder) {
	if len(r.Leftovers) > 0 {
		fmt.Fprintf(b, "\nleft over, as it could not be deleted here. Whoever may delete it does so with\n  npx nx-azure-cache evict --hash %s --yes\nor with\n", r.Canary)
		for _, l := range r.Leftovers {
			fmt.Fprintf(b, "  %s\n", l.Command)
		}
	}
	counts := make(map[status]int)
	for _, c := range r.Checks {
		counts[c.Status]++
	}
	var found []string
	for _, s := range []status{failed, exposed, missing, unknown, skipped, warning, ok, enforced, allowed} {
		if counts[s] > 0 {
			found = append(found, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	fmt.Fprintf(b, "\n%s. %s\n", strings.Join(found, ", "), r.conclusion())
}

func (r *report) conclusion() string {
	first := slices.IndexFunc(r.Checks, func(c check) bool { return c.Status == failed })
	switch {
	case first >= 0:
		c := r.Checks[first]
		return fmt.Sprintf("The remote cache does not work here. Begin with: %s: %s", c.Check, c.Seen)
	case r.ExitCode == exitFailed:
		return r.works() + "This run can change what others trust."
	case r.ExitCode == exitUntried:
		return "What this run can do is not known: not everything could be tried."
	case r.Run != nil && r.Run.Trusted:
		return r.works() + "This run is trusted. Look at one of a pull request, too, and at a developer's machine."
	default:
		return r.works() + "This run can change nothing that others trust."
	}
}

// works says whether the cache does, where all of it was looked at.
func (r *report) works() string {
	switch {
	case !r.isWhole() || slices.ContainsFunc(r.Checks, func(c check) bool { return c.Status == skipped && c.ID == string(c.Part) }):
		return ""
	case r.Run != nil && r.Run.Mode == string(cache.NoCache):
		return "This run has no remote cache, as its mode is " + r.Run.Mode + ". "
	default:
		return "The remote cache works here. "
	}
}

// isWhole reports whether more was looked at than security.
func (r *report) isWhole() bool {
	return slices.ContainsFunc(r.Checks, func(c check) bool { return c.Part != partSecurity })
}
