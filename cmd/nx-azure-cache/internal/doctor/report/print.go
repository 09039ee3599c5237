package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// marks are shown before the status on a terminal.
var marks = map[Status]string{
	OK: "✓", Warning: "⚠", Failed: "✗", Skipped: "-", Unknown: "?", None: "-",
	Enforced: "✓", Allowed: "✓", Exposed: "✗", Missing: "✗",
}

// Print writes the report for people: the verdict, a line for each row, and below them
// each fix once. The whole report has one row for the part security.
func (r *Report) Print(w io.Writer, isTerminal bool) error {
	var lines terminal.Lines
	rows := r.Rows()
	var fixes []string
	width := 0
	for _, c := range rows {
		width = max(width, len(c.Check))
		if c.Fix != "" && !slices.Contains(fixes, c.Fix) {
			fixes = append(fixes, c.Fix)
		}
	}
	note := func(c Check) string {
		if c.Fix == "" {
			return ""
		}
		return fmt.Sprintf(" [%d]", slices.Index(fixes, c.Fix)+1)
	}
	lines.Printf("%s", r.verdict(note))
	if !r.IsWhole {
		r.head(&lines)
	}
	var of Part
	for _, c := range rows {
		if c.Part != of {
			lines.Printf("")
			if r.IsWhole {
				lines.Printf("%s", titles[c.Part])
			}
			of = c.Part
		}
		lines.Printf("%s%s%-8s  %-*s  %s%s", unless(!r.IsWhole, "  "), unless(!isTerminal, marks[c.Status]+" "), c.Status, width, c.Check, c.Seen, note(c))
	}
	if len(fixes) > 0 {
		lines.Printf("")
		lines.Printf("what to do:")
	}
	for i, fix := range fixes {
		lines.Printf("  [%d] %s", i+1, fix)
	}
	if len(r.Leftovers) > 0 {
		r.footLeftovers(&lines)
	}
	lines.Printf("")
	lines.Printf("%s", counts(rows))
	_, err := lines.WriteTo(w)
	return err
}

// Rows are the rows for people.
func (r *Report) Rows() []Check {
	if !r.IsWhole {
		return r.Checks
	}
	rows := slices.DeleteFunc(slices.Clone(r.Checks), func(c Check) bool { return c.Part == Security })
	return append(rows, r.security)
}

// unless returns text if is is false.
func unless(is bool, text string) string {
	if is {
		return ""
	}
	return text
}

func (r *Report) head(lines *terminal.Lines) {
	lines.Printf("")
	lines.Printf("scope      %s (%s)", r.Run.Scope, r.Run.Reason)
	lines.Printf("identity   %s", r.Identity.Description)
	for _, c := range r.Containers {
		lines.Printf("container  %s (%s)", c.URL, strings.Join(c.Scopes, ", "))
	}
}

// counts is such as "1 failed, 24 ok".
func counts(rows []Check) string {
	count := make(map[Status]int)
	for _, c := range rows {
		count[c.Status]++
	}
	var found []string
	for _, s := range []Status{Failed, Exposed, Missing, Unknown, Skipped, Warning, OK, Enforced, Allowed} {
		if count[s] > 0 {
			found = append(found, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	return strings.Join(found, ", ")
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
