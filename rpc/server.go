package rpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
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
	Cache    *cache.Cache // nil: the cache is off
	Reason   string       // why it is off
	Mode     cache.Mode
	Scope    string
	Location string
	License  LicenseResult
	Warnings []string      // a line each, for people
	Silence  time.Duration // for which no byte may move while Cache is at work
	Drain    time.Duration // for which entries are stored after the end
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

// end ends a session whose client is gone.
func (s *server) end(ctx context.Context) error {
	limit := s.drainLimit()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.requests.Wait()
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

// messages is a stream of messages that remembers why reading ended.
type messages struct {
	jsonrpc2.ObjectStream
	in    *bufio.Reader
	close func() error // once
	mu    sync.Mutex
	err   error
}

func newMessages(stream io.ReadWriteCloser) *messages {
	return &messages{
		ObjectStream: jsonrpc2.NewBufferedStream(stream, jsonrpc2.VSCodeObjectCodec{}),
		in:           bufio.NewReader(stream),
		close:        sync.OnceValue(stream.Close),
	}
}

// ReadObject returns [io.EOF] only between two messages, unlike the codec.
func (m *messages) ReadObject(v any) error {
	_, err := m.in.Peek(1)
	if err == nil {
		err = jsonrpc2.VSCodeObjectCodec{}.ReadObject(m.in, v)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.err = err
	}
	return err
}

// Close returns when the stream is closed, whoever closes it.
func (m *messages) Close() error { return m.close() }

func (m *messages) problem(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil || m.err == io.EOF || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("protocol: %w", m.err)
}

// A method takes the params of a request and returns its result.
type method func(ctx context.Context, conn *jsonrpc2.Conn, params json.RawMessage) (any, error)

type server struct {
	options  Options
	methods  map[string]method
	outbox   outbox
	answered atomic.Int64
	requests sync.WaitGroup // that are not answered yet
	work     sync.WaitGroup // the same without shutdown, which waits for them

	mu           sync.Mutex
	running      map[jsonrpc2.ID]context.CancelFunc
	refusal      error    // of further requests; nil while they are taken
	initializing bool     // or done
	session      *Session // nil until initialize has made it
	troubles     []StoredParams

	publishing sync.Mutex
}

// Handle implements [jsonrpc2.Handler]. It runs each request on its own
// goroutine, because the connection calls it from its read loop.
func (s *server) Handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) {
	if req.Notif {
		if req.Method == "$/cancelRequest" && req.Params != nil {
			s.cancel(*req.Params)
		}
		return
	}
	// Not on the goroutine: the next message may cancel this request or, as
	// shutdown does, wait for it.
	ctx, end, err := s.begin(ctx, req)
	if err != nil {
		reply(ctx, conn, req.ID, nil, err)
		return
	}
	go func() {
		defer end()
		started := time.Now()
		result, err := s.call(ctx, conn, req)
		zerolog.Ctx(ctx).Debug().Str("method", req.Method).Dur("took", time.Since(started)).Err(err).Msg("rpc")
		reply(ctx, conn, req.ID, result, err)
	}()
}

func reply(ctx context.Context, conn *jsonrpc2.Conn, id jsonrpc2.ID, result any, err error) {
	if err != nil {
		err = conn.ReplyWithError(ctx, id, wireError(err))
	} else {
		err = conn.Reply(ctx, id, result)
	}
	if err != nil && !errors.Is(err, jsonrpc2.ErrClosed) {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("reply not sent")
	}
}

// begin takes a request. It returns the request's context, and what is to be
// called when it is answered; or why it is refused.
func (s *server) begin(ctx context.Context, req *jsonrpc2.Request) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		return ctx, nil, s.refusal
	}
	s.requests.Add(1)
	answered := s.requests.Done
	if req.Method == "shutdown" {
		s.refusal = protocolError(jsonrpc2.CodeInvalidRequest, "the session has ended with shutdown")
	} else {
		s.work.Add(1)
		answered = func() { s.work.Done(); s.requests.Done() }
	}
	ctx, cancel := context.WithCancel(ctx)
	s.running[req.ID] = cancel
	return ctx, func() {
		defer answered()
		s.answered.Add(1)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, req.ID)
	}, nil
}

// refuse refuses all further requests.
func (s *server) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

func (s *server) cancel(params json.RawMessage) {
	var p cancelParams
	if json.Unmarshal(params, &p) != nil || p.ID == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel, ok := s.running[*p.ID]; ok {
		cancel()
	}
}

// call runs a method. A panic in one is that request's error: the others, and
// the build behind them, go on.
func (s *server) call(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			zerolog.Ctx(ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("handler panicked")
			err = protocolError(jsonrpc2.CodeInternalError, "%s panicked: %v", req.Method, p)
		}
	}()
	m, ok := s.methods[req.Method]
	if !ok {
		return nil, protocolError(jsonrpc2.CodeMethodNotFound, "there is no method %q", req.Method)
	}
	var params json.RawMessage
	if req.Params != nil {
		params = *req.Params
	}
	return m(ctx, conn, params)
}

// Whether a method refuses fields it does not know.
const (
	strict  = true
	lenient = false
)

// handle makes a method of a function with typed params.
func handle[T any, P interface {
	*T
	check() error
}](strict bool, f func(context.Context, *jsonrpc2.Conn, P) (any, error)) method {
	return func(ctx context.Context, conn *jsonrpc2.Conn, params json.RawMessage) (any, error) {
		p := P(new(T))
		if len(params) > 0 {
			decoder := json.NewDecoder(bytes.NewReader(params))
			if strict {
				decoder.DisallowUnknownFields()
			}
			if err := decoder.Decode(p); err != nil {
				return nil, protocolError(jsonrpc2.CodeInvalidParams, "params: %v", err)
			}
		}
		if err := p.check(); err != nil {
			return nil, protocolError(jsonrpc2.CodeInvalidParams, "params: %s", oneLine(err))
		}
		return f(ctx, conn, p)
	}
}

func (s *server) initialize(ctx context.Context, conn *jsonrpc2.Conn, params *InitializeParams) (any, error) {
	s.mu.Lock()
	again := s.initializing
	s.initializing = true
	s.mu.Unlock()
	if again {
		return nil, protocolError(jsonrpc2.CodeInvalidRequest, "initialize has come before")
	}
	zerolog.Ctx(ctx).Debug().
		Str("client", params.ClientVersion).Int("clientPid", params.ProcessID).
		Str("nx", params.NxVersion).Bool("ci", params.CI).Str("workspaceRoot", params.WorkspaceRoot).
		Msg("initialize")
	session := s.options.Open(*params)

	s.mu.Lock()
	s.session = &session
	s.mu.Unlock()

	if session.Cache != nil {
		go s.tick(context.WithoutCancel(ctx), conn, session.Cache)
	}
	for _, warning := range session.Warnings {
		if err := conn.Notify(ctx, "log", LogParams{Level: "warn", Message: warning}); err != nil {
			return nil, err
		}
	}
	result := InitializeResult{
		ServerVersion: s.options.Version,
		Enabled:       session.Cache != nil,
		Reason:        session.Reason,
		Mode:          session.Mode,
		Scope:         session.Scope,
		Location:      session.Location,
		Drain:         session.Drain.Milliseconds(),
		License:       session.License,
	}
	if session.Cache != nil {
		result.Session = session.Cache.Session()
		result.Patience = patience.Milliseconds()
	}
	return result, nil
}

// current returns the session that initialize has made, or nil.
func (s *server) current() *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

func (s *server) drainLimit() time.Duration {
	if session := s.current(); session != nil {
		return session.Drain
	}
	return 0
}

// cache returns the session's cache, if there is one to be used.
func (s *server) cache() (*cache.Cache, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.session == nil:
		return nil, protocolError(CodeNotInitialized, "initialize has to come first")
	case s.session.Cache == nil:
		return nil, protocolError(CodeDisabled, "%s", s.session.Reason)
	}
	return s.session.Cache, nil
}

func (s *server) retrieve(ctx context.Context, _ *jsonrpc2.Conn, params *RetrieveParams) (any, error) {
	c, err := s.cache()
	if err != nil {
		return nil, err
	}
	log := zerolog.Ctx(ctx).Debug().Str("hash", params.Hash)
	hit, err := c.Retrieve(ctx, params.Hash, params.CacheDirectory)
	s.publish(ctx, c)
	if errors.Is(err, cache.ErrNotFound) {
		log.Str("outcome", "miss").Msg("retrieve")
		return nil, nil
	}
	if err != nil {
		return nil, err // which names the hash
	}
	log.Str("outcome", "hit").Int64("bytes", hit.Size).Msg("retrieve")
	result := RetrieveResult{Code: hit.Code, OutputsPath: hit.OutputsPath, Size: hit.Size}
	if hit.TerminalOutput.Path != "" {
		result.TerminalOutputPath = &hit.TerminalOutput.Path
	} else {
		result.TerminalOutput = &hit.TerminalOutput.Text
	}
	return result, nil
}

func (s *server) store(ctx context.Context, conn *jsonrpc2.Conn, params *StoreParams) (any, error) {
	c, err := s.cache()
	if err != nil {
		return nil, err
	}
	var output cache.TerminalOutput
	if params.TerminalOutputPath != nil {
		output.Path = *params.TerminalOutputPath
	} else {
		output.Text = *params.TerminalOutput
	}
	reason, err := c.Store(ctx, params.Hash, params.CacheDirectory, *params.Code, output, func(stored cache.Stored) {
		s.stored(ctx, conn, c, storedParams(stored))
	})
	if err != nil {
		return nil, err
	}
	s.publish(ctx, c)
	return StoreResult{Queued: reason == "", Reason: reason}, nil
}

// stored tells the client, and whoever waits in its place, what became of an
// entry.
func (s *server) stored(ctx context.Context, conn *jsonrpc2.Conn, c *cache.Cache, params StoredParams) {
	zerolog.Ctx(ctx).Debug().Str("hash", params.Hash).Int64("bytes", params.Bytes).
		Str("outcome", string(params.Outcome)).Str("reason", params.Reason).Msg("stored")
	s.mu.Lock()
	s.troubles = addTrouble(s.troubles, params)
	s.mu.Unlock()
	s.publish(ctx, c)
	s.outbox.notify(ctx, conn, "stored", params)
}

func storedParams(stored cache.Stored) StoredParams {
	params := StoredParams{Hash: stored.Hash, Bytes: stored.Bytes, Outcome: stored.Outcome}
	if stored.Err == nil {
		return params
	}
	failed := wireError(stored.Err)
	params.Reason = failed.Message
	if stored.Outcome == cache.OutcomeFailed {
		params.Code = &failed.Code
	}
	return params
}

const (
	publishEvery  = 100 * time.Millisecond
	progressEvery = time.Second
)

// tick tells that the server is at work, until the client is gone: the client
// would take one for dead that is silent, and a person who waits wants to see
// something. For longer than what the limits of requests explain nothing is
// told: then something hangs, and the client does right to end it.
func (s *server) tick(ctx context.Context, conn *jsonrpc2.Conn, c *cache.Cache) {
	publish, progress := time.NewTicker(publishEvery), time.NewTicker(progressEvery)
	defer publish.Stop()
	defer progress.Stop()
	silence := s.current().Silence
	var told [2]int64 // bytes and answers
	moved := time.Now()
	for {
		select {
		case <-publish.C:
			if entries, _ := c.Waiting(); entries > 0 {
				s.publish(ctx, c)
			}
		case <-progress.C:
			busy, now := s.isBusy(), [2]int64{c.Moved(), s.answered.Load()}
			if now != told || !busy {
				told, moved = now, time.Now()
			}
			if busy && time.Since(moved) <= silence {
				s.outbox.notify(ctx, conn, "progress", ProgressParams{Bytes: c.Moved()})
			}
		case <-conn.DisconnectNotify():
			return
		}
	}
}

// isBusy reports whether requests wait for their answers.
func (s *server) isBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) > 0
}

// publish publishes the state of the session. Where it cannot be written nobody
// waits for it.
func (s *server) publish(ctx context.Context, c *cache.Cache) {
	s.publishing.Lock() // so that no older state replaces a newer one
	defer s.publishing.Unlock()
	state := State{ProcessID: os.Getpid(), Summary: c.Summary()}
	state.Waiting, state.Bytes = c.Waiting()
	s.mu.Lock()
	state.Troubles = slices.Clone(s.troubles)
	s.mu.Unlock()
	for _, folder := range c.Folders() {
		if err := publish(folder, state); err != nil {
			zerolog.Ctx(ctx).Debug().Err(err).Msg("state not published")
		}
	}
}

// shutdown has no params; whatever is sent is ignored.
func (s *server) shutdown(ctx context.Context, conn *jsonrpc2.Conn, _ json.RawMessage) (any, error) {
	s.work.Wait()
	c, err := s.cache()
	if err != nil {
		return cache.Summary{}, nil // nothing was done
	}
	limited, cancel := context.WithTimeout(ctx, s.drainLimit())
	defer cancel()
	_ = c.Drain(limited) // the summary tells what was not stored
	s.outbox.flush(conn)
	return c.Summary(), nil
}
