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

// memoryLimit is how many bytes the Go runtime may use before it collects garbage more
// often. It keeps a server below 96 MiB, including the binary and what the system adds.
const memoryLimit = 68 << 20

// tuneMemory delays garbage collection. A server starts small, and would collect a dozen
// times while it restores the first results.
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
	// Ctrl-C reaches the whole process group, and the end of a terminal reaches all its
	// processes. The parent decides what they mean by closing stdin. If the parent is
	// gone, a write to stdout must be an ordinary error, so that results are still stored.
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
