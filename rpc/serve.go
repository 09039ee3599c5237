package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/rpc/framing"
)

// Options configure a server.
type Options struct {
	// Version is sent as serverVersion.
	Version string
	// Open opens the session of a client. Serve calls it at most once. It must not use the
	// network.
	Open func(params InitializeParams) Session
}

// Session is the session of a client, for the result of initialize.
type Session struct {
	Cache       *cache.Cache    // nil if the cache is off
	Reason      string          // why it is off
	Diagnostic  diagnostic.Code // of the reason
	Mode        cache.Mode
	Scope       string
	ScopeReason string
	Location    string
	License     LicenseResult
	// Backfill makes the server store local hits that the remote cache lacks, if the cache
	// allows that ([cache.Cache.Backfills]).
	Backfill bool
	// Includes, if set, decides which tasks are cached.
	Includes func(Task) bool
	Warnings []diagnostic.Message // for people, one line each
	Silence  time.Duration        // how long no byte may move while requests wait
	Drain    time.Duration        // how long entries are stored after the end
	// Warm, if set, prepares for the first request to the storage, after the response to
	// initialize. ctx ends with the session. Warm returns warnings for people, one line
	// each.
	Warm func(ctx context.Context) []diagnostic.Message
	// Records, if set, keeps the record of the run.
	Records *Records
}

// Records is what becomes of the record of a run.
type Records struct {
	// IsAwaited makes a client that ends wait for Keep.
	IsAwaited bool
	// Keep completes the record with the source of the run, and keeps it. folder is that
	// of the server in the cache directory. ctx ends with the time limit. The error is a
	// whole line for people: what is not stored or written, and why.
	Keep func(ctx context.Context, folder *scratch.Folder, record *runs.Record) error
}

// idleTimeout is how long a client waits for a silent server. It is many times
// progressEvery, because a machine that runs tasks is busy.
const idleTimeout = 15 * time.Second

// endGrace is how long the end of a session may take in addition to storing entries. Only
// a file system that hangs takes longer, and then the server does not wait for it.
const endGrace = 5 * time.Second

// Serve speaks the protocol on stream until the client closes it or ctx ends. Then it
// stores the accepted entries for as long as the session allows (not at all if ctx has
// ended), and returns. The error is nil unless the client violated the protocol or
// something hangs.
//
// Serve closes stream, but does not wait for a Read that does not end when stream is
// closed, such as one of a terminal.
func Serve(ctx context.Context, stream io.ReadWriteCloser, options Options) error {
	s := &server{options: options, running: make(map[jsonrpc2.ID]*request)}
	s.methods = map[string]method{
		// A client of another version may send other fields. It should get an error
		// about the version, not about a field.
		"initialize": handle(lenient, s.initialize),
		"retrieve":   handle(strict, s.retrieve),
		"store":      handle(strict, s.store),
		"shutdown":   s.shutdown,
	}
	messages := framing.New(stream)
	conn := jsonrpc2.NewConn(ctx, messages, s, jsonrpc2.SetLogger(silence{}))
	<-conn.DisconnectNotify()
	_ = messages.Close() // closed already, or being closed by another goroutine
	s.refuse(jsonrpc2.ErrClosed)
	return errors.Join(messages.Problem(ctx), s.end(ctx))
}

// end ends a session whose client has disconnected. It waits for handlers, not for
// responses.
func (s *server) end(ctx context.Context) error {
	limit := s.drainLimit()
	defer context.AfterFunc(ctx, s.stopRecord)()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.handlers.Wait()
		s.background.Wait()
		if session := s.current(); session != nil && session.Cache != nil {
			limited, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			session.Cache.EndRun()
			s.records.Wait()
			s.backfill.Drain(limited)
			session.Cache.Close(limited)
		}
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(limit + endGrace):
		return fmt.Errorf("the file system hangs: the server is still busy %s after the end of the session", limit+endGrace)
	}
}

// silence is the logger of the connection. Serve returns the errors of the connection.
type silence struct{}

func (silence) Printf(string, ...any) {}
