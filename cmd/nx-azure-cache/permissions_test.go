package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// rightsOf are what a SAS with these permissions allows.
func rightsOf(sp string) azuretest.Rights {
	return azuretest.Rights{
		Read: strings.Contains(sp, "r"), Create: strings.Contains(sp, "c"), Write: strings.Contains(sp, "w"),
		Delete: strings.Contains(sp, "d"), List: strings.Contains(sp, "l"),
	}
}

// subsets are all strings with some of these letters, in their order.
func subsets(letters string) (all []string) {
	for bits := range 1 << len(letters) {
		var subset strings.Builder
		for i, letter := range letters {
			if bits>>i&1 == 1 {
				subset.WriteRune(letter)
			}
		}
		all = append(all, subset.String())
	}
	return all
}

var (
	advised = regexp.MustCompile(`generate-sas --account-name \S+ --name artifacts --permissions (\w+) `)
	refused = regexp.MustCompile(`refused to \w+ \(403|refused: 403`)
)

// Anyone who follows the advice of an error about a SAS once has no second such error,
// whatever permissions the SAS had before. The advice takes none of them away.
func TestSASAdviceConverges(t *testing.T) {
	const readOnly = `{"container": "artifacts", "localMode": "read-only"}`
	command := func(args ...string) func(*testing.T, testenv.Env) string {
		return func(t *testing.T, environment testenv.Env) string {
			stdout, stderr, err := runWith(t, environment, args...)
			return fmt.Sprintln(stdout, stderr, err)
		}
	}
	for _, test := range []struct {
		name   string
		run    func(*testing.T, testenv.Env) string
		before string // permissions to begin with some of
		needs  permissions.Use
		config string
	}{
		{"ls", command("ls"), "rcwdl", permissions.List, testenv.PlainConfig},
		{"ls of a hash", command("ls", "--hash", "1"), "rcwdl", permissions.List, testenv.PlainConfig},
		{"inspect", command("inspect", "1", "--verify"), "rcwdl", permissions.Inspect, testenv.PlainConfig},
		{"evict", command("evict", "--scope", "trusted", "--yes"), "rcwdl", permissions.Evict, testenv.PlainConfig},
		{"evict of a hash", command("evict", "--hash", "1", "--yes"), "rcwdl", permissions.Evict, testenv.PlainConfig},
		{"run", func(t *testing.T, e testenv.Env) string { return ofARun(t, e, testenv.PlainConfig) }, "rcwdl", permissions.Store, testenv.PlainConfig},
		{"run that only reads", func(t *testing.T, e testenv.Env) string { return ofARun(t, e, readOnly) }, "rcwdl", permissions.Restore, readOnly},
		{"doctor", rowsThatFail, "rcd", permissions.Store, testenv.PlainConfig},
		{"doctor of a run that only reads", rowsThatFail, "rcd", permissions.Restore, readOnly},
	} {
		t.Run(test.name, func(t *testing.T) {
			followed := 0
			for _, before := range subsets(test.before) {
				storage, _ := testenv.StartStorage(t)
				for _, prefix := range []string{"", "team/app/"} {
					blob := azuretest.Blob{Body: []byte("x"), Metadata: map[string][]string{"Format": {"1"}}}
					if err := storage.Service.Put("artifacts", prefix+"v1/trusted/1", blob); err != nil {
						t.Fatal(err)
					}
				}
				with := func(sp string) string {
					storage.Service.Allow(azuretest.SAS("secret"), rightsOf(sp))
					return test.run(t, testenv.LicensedEnv(t, testenv.DevRun, test.config, storage.SASConnection("secret", sp)))
				}
				output := with(before)
				advice := advised.FindStringSubmatch(output)
				if advice == nil {
					if refused.MatchString(output) || test.needs.Missing(before) != "" && !isEnough(test.name, before) {
						t.Errorf("sp=%s: no advice in %s", before, output)
					}
					continue
				}
				followed++
				if want := test.needs.SASWith(before); advice[1] != want {
					t.Errorf("sp=%s: got the advice %s, want %s\n%s", before, advice[1], want, output)
				}
				if output := with(advice[1]); refused.MatchString(output) || advised.MatchString(output) {
					t.Errorf("sp=%s: following the advice %s was not enough: %s", before, advice[1], output)
				}
			}
			if followed < 2 {
				t.Errorf("%d SAS led to advice", followed)
			}
		})
	}
}

// isEnough reports whether a command got by with less than it may need. ls and evict
// without hashes only list, and Azure lists what it could also read.
func isEnough(command, sp string) bool {
	switch command {
	case "ls":
		return strings.Contains(sp, "l")
	case "evict":
		return strings.Contains(sp, "l") && strings.Contains(sp, "d")
	default:
		return false
	}
}

// rowsThatFail returns the rows of doctor that fail. Others tell what no run needs.
func rowsThatFail(t *testing.T, environment testenv.Env) string {
	stdout, _, _ := runWith(t, environment, "doctor")
	rows, fixes, _ := strings.Cut(stdout, "\nwhat to do:\n")
	var failed []string
	for line := range strings.Lines(rows) {
		number := regexp.MustCompile(`^  failed .*(\[\d+\])\n`).FindStringSubmatch(line)
		if number == nil {
			continue
		}
		_, fix, _ := strings.Cut(fixes, "  "+number[1]+" ")
		fix, _, _ = strings.Cut(fix, "\n")
		failed = append(failed, line+fix)
	}
	return strings.Join(failed, "\n")
}

// The help of the commands and the guide say what package permissions knows.
func TestPermissionsAreDocumented(t *testing.T) {
	for command, use := range map[string]permissions.Use{"ls": permissions.List, "explain": permissions.ReadRecords, "inspect": permissions.Inspect, "evict": permissions.Evict} {
		if help, _, err := runWith(t, nil, command, "--help"); err != nil || !strings.Contains(help, "It needs "+use.Advice()+".\n") {
			t.Errorf("%s: got %s and %v, want %s", command, help, err, use.Advice())
		}
	}
	guide, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for use, name := range map[permissions.Use]string{
		permissions.Restore: "a run that only restores results", permissions.Store: "a run that restores and stores results",
		permissions.Repair:      "a run that also replaces damaged entries",
		permissions.ReadRecords: "reading records of runs, as `explain` does",
		permissions.List:        "`ls`", permissions.Inspect: "`inspect`", permissions.Evict: "`evict`",
	} {
		row := fmt.Sprintf("| %s | `sp=%s` | %s | *%s* |\n", name, use.SAS(), code(use.Actions()), use.Role())
		if !strings.Contains(string(guide), row) {
			t.Errorf("docs/configuration.md has no row %s", row)
		}
	}
	incident, err := os.ReadFile("../../docs/incident.md")
	for _, use := range []permissions.Use{permissions.List, permissions.Evict} {
		if err != nil || !strings.Contains(string(incident), "`sp="+use.SAS()+"`") || !strings.Contains(string(incident), "*"+use.Role()+"*") {
			t.Errorf("docs/incident.md does not name sp=%s and %s", use.SAS(), use.Role())
		}
	}
}

// code formats data actions as Markdown does.
func code(actions string) string {
	return regexp.MustCompile(`blobs/[a-z/]+`).ReplaceAllString(actions, "`$0`")
}
