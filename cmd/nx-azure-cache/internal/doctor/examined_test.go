package doctor

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// canaries matches the hashes of doctor's entries.
var canaries = regexp.MustCompile(canaryPrefix + `[a-z2-7]{26}`)

var update = flag.Bool("update", false, "write the files that doctor's output is compared with")

// examined is the output of doctor --json.
type examined struct {
	report.Report
	text string
}

// doctorCommand examines and prints as doctor --security --json does. The error says why
// it could not examine, or which problem has no fix.
func doctorCommand(ctx context.Context, environment testenv.Env, args ...string) (stdout string, code int, err error) {
	where := config.Load(environment.Get, &config.Overrides{IsSet: func(string) bool { return false }})
	var r report.Report
	if !slices.Contains(args, "--security") {
		r = Examine(ctx, where, testenv.Version)
	} else if r, err = ExamineSecurity(ctx, where); err != nil {
		return "", 0, err
	}
	for _, c := range append(slices.Clone(r.Checks), r.Rows()...) {
		if needsFix(c.Status) && c.Fix == "" {
			return "", 0, fmt.Errorf("the row %s %s (%s) has no fix", c.Status, c.Check, c.Seen)
		}
	}
	var out strings.Builder
	if slices.Contains(args, "--json") {
		err = terminal.JSON(&out, r, "  ")
	} else {
		err = r.Print(&out, false)
	}
	return out.String(), r.ExitCode, err
}

// needsFix reports whether a row with a status is a problem.
func needsFix(s report.Status) bool {
	return slices.Contains([]report.Status{report.Failed, report.Warning, report.Exposed, report.Missing}, s)
}

// examineWith reads the output of doctor --json.
func examineWith(t *testing.T, environment testenv.Env, args ...string) examined {
	t.Helper()
	stdout, code, err := doctorCommand(t.Context(), environment, append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	result := examined{text: stdout}
	if err := json.Unmarshal([]byte(stdout), &result.Report); err != nil || result.ExitCode != code {
		t.Fatalf("got %q and the exit code %d: %v", stdout, code, err)
	}
	return result
}

// examine runs doctor --security.
func examine(t *testing.T, environment testenv.Env) examined {
	t.Helper()
	return examineWith(t, environment, "--security")
}

// table returns the results as a string: for each scope the initials of the statuses of
// read, create, overwrite and delete, then the other checks. A capital marks a check that
// fails the command.
func (e examined) table() map[string]string {
	table := make(map[string]string)
	for _, c := range e.Checks {
		initial := string(c.Status)[:1] // the second letter of enforced and exposed
		if c.Status == report.Enforced || c.Status == report.Exposed {
			initial = string(c.Status)[1:2]
		}
		if c.Fails {
			initial = strings.ToUpper(initial)
		}
		area, _, _ := strings.Cut(c.ID, ".")
		table[area] += initial
	}
	return table
}

// legend explains the letters of table.
const legend = "n enforced, x exposed, a allowed, m missing, u unknown"

// checkLeftovers fails unless the report lists exactly the entries left in the storage.
func (e examined) checkLeftovers(t *testing.T, s *testenv.Storage) {
	t.Helper()
	var reported []string
	for _, l := range e.Leftovers {
		reported = append(reported, l.Container+"/"+l.Name)
		if want := s.Account() + "/" + l.Container + "/" + l.Name; l.URL != want || !strings.HasSuffix(l.Command, " "+want) {
			t.Errorf("got %+v, want the URL %s", l, want)
		}
	}
	var stored []string
	for _, container := range []string{testenv.Container, testenv.OtherContainer} {
		for _, name := range s.Service.Names(container) {
			stored = append(stored, container+"/"+name)
		}
	}
	slices.Sort(reported)
	if !slices.Equal(reported, stored) {
		t.Errorf("got the leftovers %q, but %q in the storage", reported, stored)
	}
}

// find returns the check with an ID.
func (e examined) find(t *testing.T, id string) report.Check {
	t.Helper()
	for _, c := range e.Checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no %s in %s", id, e.text)
	return report.Check{}
}

// examineWhole runs doctor without --security.
func examineWhole(t *testing.T, environment testenv.Env) examined {
	t.Helper()
	return examineWith(t, environment)
}

// statuses returns the statuses of the checks in a part, by ID.
func (e examined) statuses(of report.Part) map[string]report.Status {
	found := make(map[string]report.Status)
	for _, c := range e.Checks {
		if c.Part == of {
			found[c.ID] = c.Status
		}
	}
	return found
}

// in returns the check with an ID in a part.
func (e examined) in(t *testing.T, of report.Part, id string) row {
	t.Helper()
	for _, c := range e.Checks {
		if c.Part == of && c.ID == id {
			return row{c}
		}
	}
	t.Fatalf("no %s in %s of %s", id, of, e.text)
	return row{}
}

// row is a check that a test looks at.
type row struct{ report.Check }

// mustBe fails unless a check has a status and contains a string.
func (c row) mustBe(t *testing.T, want report.Status, says string) {
	t.Helper()
	if c.Status != want || !strings.Contains(c.Seen+"\n"+c.Fix, says) || c.Fails != (want == report.Failed) {
		t.Errorf("got %+v, want %s: %s", c.Check, want, says)
	}
}

// mustSkipStorage fails unless all checks that need the storage were skipped.
func (e examined) mustSkipStorage(t *testing.T) {
	t.Helper()
	for _, of := range []report.Part{report.Rights, report.RoundTrip, report.Security} {
		e.in(t, of, string(of)).mustBe(t, report.Skipped, "not tried: the storage cannot be reached")
	}
}
