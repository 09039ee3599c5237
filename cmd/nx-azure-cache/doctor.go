package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const doctorHelp = `Look for what is wrong with the remote cache of this workspace, and say how to
mend it: in this order

  package     which package Nx loads, and what is in its way
  versions    Nx, Node.js, the package, the binary
  config      nx.json and the variables; the mode and the scope of this run
  license     whether there is one that counts
  sign-in     who asks, by which way in, and how long that takes
  network     name, TLS, proxy, the clock
  rights      whether the container exists, and what this run may do in its scope
  round-trip  how fast an artifact is there and back
  security    what must be forbidden to this run is tried

Run it where it matters: on a developer's machine, in a job of a pull request, in
one of the main branch. What an earlier check makes pointless is skipped, and no
check takes longer than half a minute.

What it tries in the storage it does with entries of its own, which are called
canary-... and are no results of any task; they are removed again. Where the
identity may create and not delete, one is left in each scope that it may write,
and the command that removes it is shown. Rights and round-trip touch the scope of
this run only; security tries to create, overwrite and delete in each of them.

--security does that part only.

What is found:
  ok        fine
  warning   not as it should be; the cache works without it
  failed    the cache does not work because of it
  none      not there, and need not be
  skipped   pointless after what was found before
  unknown   it could not be tried
and in the part security:
  enforced  it is forbidden, and the storage refuses it
  exposed   it should be forbidden, and this run can do it
  allowed   this run can do it, and nobody else has to fear that
  missing   this run needs it, and does not have it

Exit codes:
  0  nothing has failed, and this run can change nothing that others trust
  1  something has failed; or a run that is not trusted can create, overwrite or
     delete in the scope trusted, which all others read, or in local, which
     developers read; or it holds the key that signs for trusted; or there are no
     scopes (azure.trust.isolation is "none"). What is exposed between other runs is
     shown and is no failure: the storage cannot tell two pull requests of a
     repository apart. A right that is missing fails in the part rights only
  2  nothing has failed, but not everything could be tried; with --security also:
     the settings are wrong

--json prints one object on stdout:
  run         scope, reason, trusted (true or false), mode
  identity    kind (account-key, sas or entra), description, permissions (of a SAS)
  containers  name, url and scopes (the kinds of scopes that are in it)
  canary      the hash of the entries that were made
  signIn      source, principal, seconds, steps (each with source, outcome, seconds,
              detail); left out where a key or a SAS does without
  network     host, proxy, addresses, private (true or false), issuer and expires (of
              the certificate), skewSeconds (by which the clock here is behind),
              steps (each with step, seconds, detail, error)
  roundTrip   readSeconds, writeSeconds (medians), downBytesPerSecond,
              upBytesPerSecond; those that were measured
  checks      part (as above), id (such as loaded or trusted.create), check, scope,
              container, operation, status (as above), seen, fix, fails (exit code 1
              because of it)
  leftovers   container, name, url and command (which removes it)
  exitCode
Where there is no binary for this machine the npm package prints checks and
exitCode alone.`

// exitCode ends the process, when all is said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitFailed is the exit code of a command that has failed.
const exitFailed exitCode = 1

// doctorFlags are those of doctor itself.
type doctorFlags struct {
	security, json bool
	overrides      config.Overrides
}

func newDoctor(std stdio) *cobra.Command {
	var flags doctorFlags
	command := &cobra.Command{
		Use:   "doctor [--security] [--json]",
		Short: "Find out why the cache does not work, or who can do what he must not",
		Long:  doctorHelp + "\n" + workspaceHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Ctrl-C ends the trying, and what was made is removed; a second one ends
			// that.
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			context.AfterFunc(ctx, stop)
			return runDoctor(ctx, std, &flags)
		},
	}
	command.Flags().BoolVar(&flags.security, "security", false, "check only who may write what")
	command.Flags().BoolVar(&flags.json, "json", false, "print one JSON object")
	addWorkspaceFlags(command, &flags.overrides)
	return command
}

// runDoctor examines, and prints what it has found.
func runDoctor(ctx context.Context, std stdio, flags *doctorFlags) error {
	r, err := examine(ctx, std, flags)
	if err != nil {
		_ = terminal.Printf(std.stderr, "nx-azure-cache doctor: %v", err)
		return exitCode(doctor.ExitUntried)
	}
	if flags.json {
		err = terminal.JSON(std.stdout, r, "  ")
	} else {
		err = r.Print(std.stdout, terminal.IsTerminal(std.stdout))
	}
	if err == nil && r.ExitCode != 0 {
		err = exitCode(r.ExitCode)
	}
	return err
}

func examine(ctx context.Context, std stdio, flags *doctorFlags) (doctor.Report, error) {
	if !flags.security {
		return doctor.Examine(ctx, config.Load(std.getenv, &flags.overrides), version), nil
	}
	where, err := readWorkspace(std, &flags.overrides)
	if err != nil {
		return doctor.Report{}, err
	}
	return doctor.ExamineSecurity(ctx, where)
}
