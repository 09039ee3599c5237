package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const doctorHelp = `Diagnose the remote cache of this workspace, and say how to fix what is wrong. The
checks run in this order:

  package     which package Nx loads, and what conflicts with it
  versions    Nx, Node.js, the package, the binary
  config      nx.json and the variables; the mode and the scope of this run
  license     whether a license is valid
  sign-in     which credential works, for which principal, and how long that takes
  network     name resolution, TLS, proxy, the clock
  rights      whether the container exists, and what this run may do in its scope
  round-trip  how fast results are uploaded and downloaded
  records     whether runs like this one store a record, and whether explain can read records
  last-run    whether the results of Nx's last run here are in the remote cache
  security    whether the storage refuses what this run must not do

Run it where you need the cache: on a developer's machine, in a job of a pull request,
in a job of the main branch. If an early check fails, doctor skips the checks that
depend on it. No check takes longer than half a minute.

In the storage, doctor writes only entries of its own, whose names begin with
canary-. They are no results of any task, and doctor removes them again. If the
identity may create but not delete entries, one stays in each scope that it can
write, and doctor prints the command that removes it. The checks rights and
round-trip use the scope of this run only. The check security tries to create,
overwrite and delete an entry in each scope.

The first line says whether the remote cache works here. Each problem has a number,
under which the fix stands below the rows.

--security runs only the check security, and prints all of its rows. Without it, one row
counts what they found.

Each row has a status:
  ok        fine
  warning   not as it should be, but the cache works
  failed    the cache does not work because of it
  none      absent, and not needed
  skipped   not tried because an earlier check failed
  unknown   it could not be tried
and in the check security:
  enforced  forbidden, and the storage refuses it
  exposed   should be forbidden, but this run can do it
  allowed   this run can do it, and no other run is at risk
  missing   this run needs it, but may not do it

Exit codes:
  0  the remote cache works here
  1  a check failed: the remote cache does not work here. With --security and in CI also:
     an untrusted run can create, overwrite or delete entries in the scope trusted, which
     all other runs read, or in local, which developers read. Or it has the key that
     signs for trusted. Or there are no scopes (azure.trust.isolation is "none").
     Exposure between other scopes is shown but is no failure, because the storage
     cannot tell two pull requests of a repository apart. A missing right fails only in
     the check rights
  2  nothing failed, but not everything could be tried. What the check security could
     not try counts with --security and in CI only. With --security also: the settings
     are wrong

On a developer's machine the check security decides nothing without --security: many
developers may write what others trust, and the cache works. In CI means: Nx takes the
environment of this process for a CI's, as for azure.ciMode.

--json prints one object on stdout:
  run         scope, reason, trusted (true or false), mode
  identity    kind (account-key, sas or entra), description, permissions (of a SAS)
  containers  name, url and scopes (the kinds of scopes in the container)
  canary      the hash of the entries that doctor made
  signIn      source, principal, seconds, steps (each with source, outcome, seconds,
              detail); absent with an account key or a SAS
  network     host, proxy, addresses, private (true or false), issuer and expires (of
              the certificate), skewSeconds (by which the clock here is behind),
              steps (each with step, seconds, detail, error)
  roundTrip   readSeconds, writeSeconds (medians), downBytesPerSecond,
              upBytesPerSecond; only those that were measured
  records     stores (true if a run like this one stores its record), recent (how many
              records of the last seven days it can read, counted up to 1,000 in each
              scope); recent is absent if it may not list them
  checks      all rows: part (as above), id (such as loaded or trusted.create), check, scope,
              container, operation, status (as above), seen, fix, fails (true if it
              makes the exit code 1)
  leftovers   container, name, url and command (which removes the entry)
  exitCode
If there is no binary for this machine, the npm package prints only checks and
exitCode.`

// exitCode is the exit code of a command that has already reported its error.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitFailed is the exit code of a failed command.
const exitFailed exitCode = 1

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	security, json bool
	overrides      config.Overrides
}

func newDoctor(std stdio) *cobra.Command {
	var flags doctorFlags
	command := &cobra.Command{
		Use:   "doctor [--security] [--json]",
		Short: "Diagnose the cache, or audit who can write what",
		Long:  doctorHelp + "\n" + workspaceHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Ctrl-C stops the checks, and doctor still removes its entries. A second
			// Ctrl-C stops that.
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

// runDoctor examines the workspace and prints the report.
func runDoctor(ctx context.Context, std stdio, flags *doctorFlags) error {
	r, err := examine(ctx, std, flags)
	if err != nil {
		_ = terminal.Printf(std.stderr, "nx-azure-cache doctor: %v", err)
		return exitCode(report.ExitUntried)
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

func examine(ctx context.Context, std stdio, flags *doctorFlags) (report.Report, error) {
	if !flags.security {
		return doctor.Examine(ctx, config.Load(std.getenv, &flags.overrides), version), nil
	}
	where, err := readWorkspace(std, &flags.overrides)
	if err != nil {
		return report.Report{}, err
	}
	return doctor.ExamineSecurity(ctx, where)
}
