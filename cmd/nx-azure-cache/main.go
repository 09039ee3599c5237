// Command nx-azure-cache is the remote cache for Nx on Azure Blob Storage. Nx runs it
// through the npm package of the same name; package rpc specifies how they communicate.
//
// This package is a thin command line: each file parses the flags of a command, calls a
// package below internal, and returns an exit code. It also connects those packages with
// package rpc, whose types they do not know.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// version is the version of the npm package; scripts/build.js sets it.
var version = "0.0.0-dev"

// stdio is what a command uses of its process.
type stdio struct {
	stdin  io.ReadCloser
	stdout io.WriteCloser
	stderr io.Writer
	getenv func(string) string
	ignore func(...os.Signal) // ignores signals from now on
}

func main() {
	azure.SilenceLibraries()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	std := stdio{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, ignore: signal.Ignore}
	if code := exitCodeOf(run(ctx, os.Args[1:], std), std.stderr); code != 0 {
		os.Exit(int(code))
	}
}

// exitCodeOf returns the exit code for the error of a command. It reports the error unless
// the command has already done so.
func exitCodeOf(err error, stderr io.Writer) exitCode {
	if code, ok := errors.AsType[exitCode](err); ok || err == nil {
		return code
	}
	code, _ := diagnostic.CodeOf(err)
	_ = terminal.Printf(stderr, "nx-azure-cache: %s", diagnostic.Line(code, err.Error()))
	if wrong, ok := errors.AsType[*usage.Error](err); ok {
		_ = terminal.Printf(stderr, "%s", wrong.Line())
		return usage.ExitCode
	}
	return exitFailed
}

// run runs a command line. It makes all output for people safe for a terminal, in case a
// command forgot to. The stdout of serve is for the npm package and stays as it is.
func run(ctx context.Context, args []string, std stdio) error {
	raw := std
	std.stdout, std.stderr = terminal.NewWriter(std.stdout), terminal.NewWriter(std.stderr)
	raw.stderr = std.stderr
	return usage.Run(ctx, newRoot(std, raw), args)
}

// newRoot returns all commands. serve writes to raw, and the others to std.
func newRoot(std, raw stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "nx-azure-cache",
		Short: "Remote cache for Nx on Azure Blob Storage",
		Long: `Remote cache for Nx on Azure Blob Storage.

Nx starts this program once the npm package is installed
(nx add @nx/powerpack-azure-cache@npm:nx-azure-cache) and nx.json has an
"azure" block. You can run the commands below by hand.

A line of a run ends with a code. "npx nx-azure-cache help NXAC012" explains it.

` + usage.Help + `
doctor --help lists its own.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		// no completion command, which would need explaining
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(newServe(raw), newDrain(std), newDoctor(std), newLs(std), newInspect(std), newExplain(std), newEvict(std), newConfig(std), newKeys(std), newLicense(std), newVersion(std))
	root.SetIn(std.stdin)
	root.SetOut(std.stdout)
	root.SetErr(std.stderr)
	return root
}
