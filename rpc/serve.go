package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// Options are what a server cannot know.
type Options struct {
	// Version is sent as serverVersion.
	Version string
	// Open makes the session that a client asks for. It is called at most once,
	// and sends nothing over the network.
	Open func(params InitializeParams) Session
}

// Session is what initialize has found out.
type Session struct {
	Cache       *cache.Cache // nil: the cache is off
	Reason      string       // why it is off
	Mode        cache.Mode
	Scope       string
	ScopeReason string
	Location    string
	License     LicenseResult
	// Includes, when set, decides of which tasks results are stored and retrieved.
	Includes func(Task) bool
	Warnings []string      // a line each, for people
	Silence  time.Duration // for which no byte may move while Cache is at work
	Drain    time.Duration // for which entries are stored after the end
	// Warm, when set, prepares for the first request to the storage. It is called
	// once initialize is answered; ctx ends with the session. What it returns is a
	// line each, for people.
	Warm func(ctx context.Context) []string
}

// patience is how long a client waits for a server that is silent. It is many
// times progressEvery: a machine that is building is busy.
const patience = 15 * time.Second

// endGrace is what the end of a session may take beside storing entries. Only a
// file system that hangs needs more, and then nothing waits for it.
const endGrace = 5 * time.Second

// Serve speaks the protocol on stream until the client closes it or ctx ends,
// stores what was accepted for as long as the session allows (not at all when
// ctx has ended), and returns. The error is nil unless the client broke the
// protocol or something hangs.
//
// It closes stream, but does not wait for a Read that closing does not end,
// like one of a terminal.
func Serve(ctx context.Context, stream io.ReadWriteCloser, options Options) error {
	s := &server{options: options, running: make(map[jsonrpc2.ID]context.CancelFunc)}
	s.methods = map[string]method{
		// A client of another version may know more fields; it is told the
		// version that it does not expect, not that a field is unknown.
		"initialize": handle(lenient, s.initialize),
		"retrieve":   handle(strict, s.retrieve),
		"store":      handle(strict, s.store),
		"shutdown":   s.shutdown,
	}
	messages := newMessages(stream)
	conn := jsonrpc2.NewConn(ctx, messages, s, jsonrpc2.SetLogger(silence{}))
	<-conn.DisconnectNotify()
	_ = messages.Close() // done already, or being done beside this goroutine
	s.refuse(jsonrpc2.ErrClosed)
	return errors.Join(messages.problem(ctx), s.end(ctx))
}

// end ends a session whose client is gone. It waits for what is at work, not for
// answers that nobody reads.
func (s *server) end(ctx context.Context) error {
	limit := s.drainLimit()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.handlers.Wait()
		s.beside.Wait()
		if session := s.current(); session != nil && session.Cache != nil {
			limited, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			session.Cache.Close(limited)
		}
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(limit + endGrace):
		return fmt.Errorf("the file system hangs: something is still in work %s after the end", limit+endGrace)
	}
}

// silence is the connection's logger: what it has to say, Serve returns.
type silence struct{}

func (silence) Printf(string, ...any) {}
