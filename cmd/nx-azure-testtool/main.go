// Command nx-azure-testtool has the storage servers of the tests and the benchmark, and
// measures the benchmark's limits (scripts/bench.js). The RPC sessions and the shim's tests
// use its command serve-blobs (scripts/kit/blob-service.js): package azuretest with control
// paths over HTTP. It knows nothing about the cache, and is never shipped.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "nx-azure-testtool:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:               "nx-azure-testtool",
		Short:             "Storage servers and limits for the tests and the benchmark of nx-azure-cache",
		SilenceErrors:     true, // main prints them
		SilenceUsage:      true, // it would bury the error
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(serveBlobsCommand(), serveHTTPCacheCommand(), rawGetCommand(), tarZstdCommand(), writeCommand())
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// require makes flags mandatory.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("nx-azure-testtool: internal error: " + err.Error())
		}
	}
}

// figures is the output of a measuring command.
type figures struct {
	Requests     int     `json:"requests,omitempty"`
	Bytes        int64   `json:"bytes"`
	Milliseconds float64 `json:"milliseconds"`
}

func (f figures) print(w io.Writer) error { return json.NewEncoder(w).Encode(f) }

// since is the time since begin, to the microsecond.
func since(begin time.Time) float64 { return float64(time.Since(begin).Microseconds()) / 1000 }
