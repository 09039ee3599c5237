// Command nx-azure-cache is the remote cache for Nx on Azure Blob Storage. Nx
// runs it through the npm package of the same name; see package rpc for how
// the two talk.
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
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// version is set by the build (scripts/build.js) to that of the npm package.
var version = "0.0.0-dev"

// stdio is what a command sees of the process it runs in.
type stdio struct {
	stdin  io.ReadCloser
	stdout io.WriteCloser
	stderr io.Writer
	getenv func(string) string
	ignore func(...os.Signal) // the signals from now on
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

// exitCodeOf is the exit code of a command that has ended with an error, which it
// reports unless the command has done so.
func exitCodeOf(err error, stderr io.Writer) exitCode {
	if code, ok := errors.AsType[exitCode](err); ok || err == nil {
		return code
	}
	_ = terminal.Printf(stderr, "nx-azure-cache: %v", err)
	return exitFailed
}

// run is the command line. All that commands write for people is made safe for a
// terminal here, whatever they forget; stdout of serve is for the npm package.
func run(ctx context.Context, args []string, std stdio) error {
	raw := std
	std.stdout, std.stderr = terminal.NewWriter(std.stdout), terminal.NewWriter(std.stderr)
	raw.stderr = std.stderr
	root := &cobra.Command{
		Use:   "nx-azure-cache",
		Short: "Remote cache for Nx on Azure Blob Storage",
		Long: `Remote cache for Nx on Azure Blob Storage.

Nx starts this program once the npm package is installed
(nx add @nx/powerpack-azure-cache@npm:nx-azure-cache) and nx.json has an
"azure" block. You can run the commands below by hand.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		// cobra's completion command would be one more thing to explain.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(newServe(raw), newDrain(std), newDoctor(std), newLs(std), newInspect(std), newEvict(std), newConfig(std), newKeys(std), newLicense(std), newVersion(std))
	root.SetArgs(args)
	root.SetIn(std.stdin)
	root.SetOut(std.stdout)
	root.SetErr(std.stderr)
	return root.ExecuteContext(ctx)
}
