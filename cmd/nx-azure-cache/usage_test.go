package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// allCommands returns all commands but the root and its help.
func allCommands() (all []*cobra.Command) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			all = append(all, child)
			walk(child)
		}
	}
	walk(newRoot(stdio{}, stdio{}))
	return all
}

// words are the arguments that a test uses for the arguments of a command.
var words = []string{"frob1", "frob2", "frob3"}

// wrongLines returns wrong command lines of a command, with what an error must contain.
func wrongLines(c *cobra.Command) map[string]string {
	name := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	needed, isRequired := name, false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 {
			needed, isRequired = needed+" --"+f.Name+" 1", true
		}
	})
	lines := map[string]string{
		name + " --frobnicate":        `unknown flag "--frobnicate"`,
		name + " --frobnicate=SECRET": `unknown flag "--frobnicate"`,
		name + " -x":                  `unknown flag "-x"`,
		// No command takes these three arguments.
		needed + " " + strings.Join(words, " "): words[0],
	}
	if isRequired {
		lines[name] = c.Name() + " needs --"
	}
	if c.Args != nil && c.Args(c, nil) != nil {
		lines[needed] = c.Name() + " needs an argument: "
	}
	if c.HasSubCommands() {
		lines[name+" "+words[0]] = `unknown command "frob1"; commands are `
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		switch f.Value.Type() {
		case "bool":
			lines[name+" --"+f.Name+"=perhaps"] = "--" + f.Name + ` is "perhaps"; use true or false`
		case "int", "duration":
			lines[name+" --"+f.Name+"=perhaps"] = "--" + f.Name + ` is "perhaps"; use a`
			fallthrough
		default:
			lines[name+" --"+f.Name] = "--" + f.Name + " needs a value"
		}
	})
	return lines
}

// Every command reports a wrong command line in one way: it names what was typed, shows the
// usage line, and exits with 2.
func TestUsageErrors(t *testing.T) {
	commands := allCommands()
	if len(commands) < 14 {
		t.Fatalf("got %d commands", len(commands))
	}
	tests := map[string]string{
		"frobnicate":                            `unknown command "frobnicate"; commands are `,
		"insepct 1":                             `unknown command "insepct"; did you mean inspect?`,
		"keys generat":                          `unknown command "generat"; did you mean generate?`,
		"license renew":                         `unknown command "renew"; commands are `,
		"help insepct":                          `unknown command "insepct"; did you mean inspect?`,
		"ls --scop trusted":                     `unknown flag "--scop"; did you mean --scope?`,
		"ls --after noon":                       `--after is "noon"; use a time`,
		"ls --container A":                      `--container is "A"`,
		"evict --yes":                           "no entries selected: give",
		"evict --hash a/b":                      `--hash: hash is "a/b"`,
		"explain shop":                          `"shop" is no task; use PROJECT:TARGET`,
		"explain shop:[x]":                      `"shop:[x]" is no task`,
		"explain --since noon":                  `--since is "noon"; use a time`,
		"explain --limit -1":                    "--limit is -1",
		"explain --run /":                       "--run is empty",
		"inspect a/b":                           `"a/b" is neither a task hash`,
		"inspect --limit -1":                    "inspect needs an argument",
		"inspect 1 --limit -1 --container frob": "--limit is -1",
	}
	for _, c := range commands {
		for line, want := range wrongLines(c) {
			tests[line] = want
		}
	}
	for line, want := range tests {
		stdout, stderr, err := runWith(t, testenv.Env{}, strings.Fields(line)...)
		if stdout != "" || stderr != "" {
			t.Errorf("%s: got %q and %q, want only an error", line, stdout, stderr)
		}
		checkUsageError(t, line, err, want)
	}
}

func checkUsageError(t *testing.T, line string, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*usage.Error](err); !ok || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want an error of the command line with %q", line, err, want)
		return
	}
	var stderr strings.Builder
	code := exitCodeOf(err, &stderr)
	lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
	if code != 2 || len(lines) != 2 || !strings.HasPrefix(lines[0], "nx-azure-cache: ") || !strings.HasPrefix(lines[1], "usage: nx-azure-cache") {
		t.Errorf("%s: got the exit code %d and %q, want 2 and a usage line", line, code, stderr.String())
	}
	if strings.Contains(stderr.String(), "SECRET") {
		t.Errorf("%s: got %q with the value of an unknown flag", line, stderr.String())
	}
}

// A license that is typed in the wrong place is not shown.
func TestUsageErrorsHideSecrets(t *testing.T) {
	token := testenv.License(t, "valid.jwt")
	for _, args := range [][]string{{"license", "activate", token, token}, {token}, {"doctor", token}, {"ls", "--limit", token}, {"ls", "--" + token}, {"ls", "--=" + token}, {"license", "status", "--stdin=" + token}} {
		_, _, err := runWith(t, testenv.Env{}, args...)
		if shown := reported(err); strings.Contains(shown, token[:40]) || !strings.Contains(shown, "\nusage: ") {
			t.Errorf("%.20q: got %q", args, shown)
		}
	}
}

// What the user cannot fix on the command line exits with 1.
func TestOtherErrorsAreNoUsageErrors(t *testing.T) {
	s := newTestInventory(t)
	for _, args := range [][]string{{"inspect", "1"}, {"inspect", "a:b"}, {"keys", "show"}, {"keys", "show", "/nowhere"}} {
		_, _, err := s.run(args...)
		if code := exitCodeOf(err, new(strings.Builder)); code != exitFailed {
			t.Errorf("%q: got %v and the exit code %d, want 1", args, err, code)
		}
	}
	// nx.json is missing.
	if _, _, err := runWith(t, testenv.Env{}, "ls"); exitCodeOf(err, new(strings.Builder)) != exitFailed {
		t.Errorf("ls: got %v, want an error that exits with 1", err)
	}
}
