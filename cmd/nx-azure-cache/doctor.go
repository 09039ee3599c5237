package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
)

const doctorHelp = `Look for what is wrong with the remote cache of this workspace. Today it checks
security, with or without --security.

It takes the identity that a run here and now would have, finds out which scope
such a run writes, and then tries what it must not be able to do: to create,
overwrite and delete an entry in each scope. The entries it makes are called
canary-... and are no results of any task; they are removed again. Where the
identity may create and not delete, one is left in each of these scopes, and the
command that removes it is shown. Run it where it matters: in a job of a pull
request, in one of the main branch, on a developer's machine.

What is found:
  enforced  it is forbidden, and the storage refuses it
  exposed   it should be forbidden, and this run can do it
  allowed   this run can do it, and nobody else has to fear that
  missing   this run needs it, and does not have it
  unknown   it could not be tried

Exit codes:
  0  this run can change nothing that others trust
  1  a run that is not trusted can create, overwrite or delete in the scope trusted,
     which all others read, or in local, which developers read; or it holds the
     key that signs for trusted; or there are no scopes (azure.trust.isolation is
     "none"). What is exposed between other runs is shown and is no failure: the
     storage cannot tell two pull requests of a repository apart. A right that is
     missing is none either.
  2  it could not be tried: the settings are wrong, the storage did not answer

--json prints one object on stdout:
  run         scope, reason, trusted (true or false), mode
  identity    kind (account-key, sas or entra), description, permissions (of a SAS)
  containers  name, url and scopes (the kinds of scopes that are in it)
  canary      the hash of the entries that were made
  checks      id (such as trusted.create), check, scope, container, operation,
              status (as above), seen, fix, fails (exit code 1 because of it)
  leftovers   container, name, url and command (which removes it)
  exitCode`

// exitCode ends the process, when all is said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// The exit codes of doctor beside 0.
const (
	exitExposed exitCode = 1
	exitUntried exitCode = 2
)

func newDoctor(w world) *cobra.Command {
	var asJSON bool
	var source workspaceFlags
	command := &cobra.Command{
		Use:   "doctor [--security] [--json]",
		Short: "Try what must be forbidden to this run",
		Long:  doctorHelp + "\n" + workspaceHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Ctrl-C ends the trying, and what was made is removed; a second one ends
			// that.
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			context.AfterFunc(ctx, stop)
			return doctor(ctx, w, &source, asJSON)
		},
	}
	// Checks of other kinds will come; without a flag all are done.
	command.Flags().Bool("security", false, "check who may write what (the only check today)")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	source.add(command)
	return command
}

// doctor examines, and prints what it has found.
func doctor(ctx context.Context, w world, source *workspaceFlags, asJSON bool) error {
	s, err := newSubject(w, source)
	if err != nil {
		fmt.Fprintln(w.stderr, "nx-azure-cache doctor:", err)
		return exitUntried
	}
	r := s.examine(ctx)
	if asJSON {
		encoder := json.NewEncoder(w.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(r)
	} else {
		err = r.print(w.stdout, isTerminal(w.stdout))
	}
	if err == nil && r.ExitCode != 0 {
		err = r.ExitCode
	}
	return err
}

// report is what doctor prints. Its JSON is described in doctorHelp.
type report struct {
	Run        runReport         `json:"run"`
	Identity   identity          `json:"identity"`
	Containers []containerReport `json:"containers"`
	Canary     string            `json:"canary"`
	Checks     []check           `json:"checks"`
	Leftovers  []leftover        `json:"leftovers"`
	ExitCode   exitCode          `json:"exitCode"`
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

// check is one thing that was looked at.
type check struct {
	ID        string `json:"id"`
	Check     string `json:"check"` // for people
	Scope     string `json:"scope,omitempty"`
	Container string `json:"container,omitempty"`
	Operation string `json:"operation,omitempty"`
	Status    status `json:"status"`
	Seen      string `json:"seen"`
	Fix       string `json:"fix,omitempty"`
	Fails     bool   `json:"fails"` // it makes the exit code 1
}

// status is what a check has found, see doctorHelp.
type status string

const (
	enforced status = "enforced"
	exposed  status = "exposed"
	allowed  status = "allowed"
	missing  status = "missing"
	unknown  status = "unknown"
)

// leftover is an entry that was made and could not be removed.
type leftover struct {
	Container string `json:"container"`
	Name      string `json:"name"`
	URL       string `json:"url"`
	Command   string `json:"command"`
}

// conclude is the exit code that belongs to what was found.
func (r *report) conclude() {
	for _, c := range r.Checks {
		switch {
		case c.Fails:
			r.ExitCode = exitExposed
			return
		case c.Status == unknown:
			r.ExitCode = exitUntried
		}
	}
}
