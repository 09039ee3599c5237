package main

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

func newServe(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Speak JSON-RPC on stdin and stdout",
		Long: `Speak JSON-RPC on stdin and stdout, as the npm package expects. The documentation of
the Go package rpc specifies the protocol.

Logs go to stderr. NX_AZURE_CACHE_LOG=debug logs every request, and
NX_AZURE_CACHE_LOG_FILE=PATH appends the log to a file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), std) },
	}
}

// memoryLimit is what the Go runtime may take before it collects garbage more
// often, in bytes. It keeps a server below 96 MiB, with the binary itself and
// what the system adds.
const memoryLimit = 68 << 20

// tuneMemory collects garbage when it is needed: a server starts small, and would
// do it a dozen times while the first batch of results is restored.
func tuneMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

func serve(ctx context.Context, std stdio) error {
	tuneMemory(std.getenv)
	// Ctrl-C reaches the whole process group, the end of a terminal all that run
	// on it; the parent decides what they mean by closing stdin. A parent that is
	// gone has closed it, too: then a write to stdout is an error like others, not
	// the end before results are stored.
	std.ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	log, closeLog, warnings := newLogger(std)
	ctx = log.WithContext(ctx)
	err := rpc.Serve(ctx, duplex{std.stdin, std.stdout}, rpc.Options{
		Version: version,
		Open: func(params rpc.InitializeParams) rpc.Session {
			session := openSession(params, std.getenv, time.Now())
			session.Warnings = append(warnings, session.Warnings...)
			return session
		},
	})
	return errors.Join(err, closeLog())
}

// duplex is both ends of the protocol as one stream.
type duplex struct {
	io.ReadCloser
	out io.WriteCloser
}

func (s duplex) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s duplex) Close() error                { return errors.Join(s.ReadCloser.Close(), s.out.Close()) }
