package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"

	"github.com/rs/zerolog/diode"
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/drain"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

func newDrain(std stdio) *cobra.Command {
	var folder string
	var most drain.Limits
	var parent int
	command := &cobra.Command{
		Use:   "drain --folder FOLDER [--limit TIME] [--silence TIME] [--parent ID]",
		Short: "Wait until a server has stored all accepted results",
		Long: `Wait until a server has stored all results that it has accepted. The npm package runs
this command at the end of a run of Nx, when it can no longer talk to the server. You
need not run it by hand.

The server publishes its state in FOLDER, which is
<cacheDirectory>/.nx-azure-cache/<session>. When --limit is over, or the server has
published nothing for --silence, this command asks the server to end, and then kills
it. It shows what is left on stderr and prints the result as JSON on stdout. If the
process that waits for it ends first, it ends too and prints nothing; --parent names
that process, in case it has ended already.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			// A full stderr must not delay the limit.
			stderr := diode.NewWriter(console{terminal.Raw(std.stderr)}, logLines, 0, nil)
			ctx, release := drain.UntilOrphaned(ctx, cmp.Or(parent, os.Getppid()))
			defer release()
			result := drain.Wait(ctx, folder, most, drain.NewProgress(stderr, terminal.IsTerminal(std.stderr), most.Total))
			_ = closeWithin(stderr, terminal.Quiet)
			if errors.Is(context.Cause(ctx), drain.ErrOrphaned) {
				return nil // no one reads the result
			}
			return terminal.JSON(std.stdout, result, "")
		},
	}
	command.Flags().StringVar(&folder, "folder", "", "the server's folder")
	command.Flags().DurationVar(&most.Total, "limit", config.DefaultDrain, "how long to wait at most")
	command.Flags().DurationVar(&most.Silence, "silence", drain.DefaultSilence, "how long the server may publish nothing")
	command.Flags().IntVar(&parent, "parent", 0, "the ID of the process that waits for this one (default: its parent)")
	_ = command.MarkFlagRequired("folder") // the flag exists
	return command
}
