// Nx-azure-bench has the servers and the limits of the benchmark (scripts/bench.js). Its
// command serve-blobs is also the storage of the RPC sessions and of the shim's tests
// (scripts/kit/storage.js): package azuretest with control paths over HTTP. It knows nothing
// of the cache, and it is never shipped.
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
		fmt.Fprintln(os.Stderr, "nx-azure-bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:               "nx-azure-bench",
		Short:             "Servers and limits for the benchmark of nx-azure-cache",
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
			panic("nx-azure-bench: internal error: " + err.Error())
		}
	}
}

// figures are what a command that measures prints.
type figures struct {
	Requests     int     `json:"requests,omitempty"`
	Bytes        int64   `json:"bytes"`
	Milliseconds float64 `json:"milliseconds"`
}

func (f figures) print(w io.Writer) error { return json.NewEncoder(w).Encode(f) }

// since is the time since begin, to the microsecond.
func since(begin time.Time) float64 { return float64(time.Since(begin).Microseconds()) / 1000 }
