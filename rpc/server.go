package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
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
	License  LicenseResult
	Warnings []string // a line each, for people
}

// Serve speaks the protocol on stream until the client closes it or ctx ends,
// and returns after the last handler has. The error is nil unless the client
// broke the protocol.
func Serve(ctx context.Context, stream io.ReadWriteCloser, options Options) error {
	s := &server{options: options, running: make(map[string]context.CancelFunc)}
	s.methods = map[string]method{
		"initialize": handle(s.initialize),
		"retrieve":   handle(s.retrieve),
		"store":      handle(s.store),
		"shutdown":   handle(s.shutdown),
	}
	recorder := &recorder{ObjectStream: jsonrpc2.NewBufferedStream(stream, jsonrpc2.VSCodeObjectCodec{})}
	conn := jsonrpc2.NewConn(ctx, recorder, s, jsonrpc2.SetLogger(zerolog.Ctx(ctx)))
	<-conn.DisconnectNotify()
	s.requests.Wait()
	return recorder.problem(ctx)
}

// recorder remembers why reading ended, which the connection only logs.
type recorder struct {
	jsonrpc2.ObjectStream
	mu  sync.Mutex
	err error
}

func (r *recorder) ReadObject(v any) error {
	err := r.ObjectStream.ReadObject(v)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = err
	}
	return err
}

func (r *recorder) problem(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil || errors.Is(r.err, io.EOF) || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("protocol: %w", r.err)
}

// A method takes the params of a request and returns its result.
type method func(ctx context.Context, conn *jsonrpc2.Conn, params json.RawMessage) (any, error)

type server struct {
	options  Options
	methods  map[string]method
	requests sync.WaitGroup // handlers at work
	uses     sync.WaitGroup // of the session's cache; none is added in state ending

	mu      sync.Mutex
	state   state
	session Session
	running map[string]context.CancelFunc // by idKey
}

type state int

const (
	fresh state = iota
	initializing
	ready
	ending
)

// Handle implements [jsonrpc2.Handler]. It runs each request on its own
// goroutine, because the connection calls it from its read loop.
func (s *server) Handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) {
	if req.Notif {
		if req.Method == "$/cancelRequest" && req.Params != nil {
			s.cancel(*req.Params)
		}
		return
	}
	// Before the next message is read, so that it can be cancelled by it.
	ctx, done := s.begin(ctx, req.ID)
	s.requests.Go(func() {
		defer done()
		started := time.Now()
		result, err := s.call(ctx, conn, req)
		zerolog.Ctx(ctx).Debug().Str("method", req.Method).Dur("took", time.Since(started)).Err(err).Msg("rpc")
		reply(ctx, conn, req.ID, result, err)
	})
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

// begin returns the context of a request and what ends it.
func (s *server) begin(ctx context.Context, id jsonrpc2.ID) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	key := idKey(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[key] = cancel
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, key)
	}
}

func (s *server) cancel(params json.RawMessage) {
	var p cancelParams
	if json.Unmarshal(params, &p) != nil {
		return
	}
	var id jsonrpc2.ID
	if json.Unmarshal(p.ID, &id) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel, ok := s.running[idKey(id)]; ok {
		cancel()
	}
}

// idKey tells the number 1 from the string "1".
func idKey(id jsonrpc2.ID) string {
	if id.IsString {
		return "s" + id.Str
	}
	return fmt.Sprint("n", id.Num)
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

// checker is implemented by params that have something to check.
type checker interface{ check() error }

// handle makes a method of a function with typed params.
func handle[P any](f func(context.Context, *jsonrpc2.Conn, *P) (any, error)) method {
	return func(ctx context.Context, conn *jsonrpc2.Conn, params json.RawMessage) (any, error) {
		p := new(P)
		if len(params) > 0 {
			decoder := json.NewDecoder(bytes.NewReader(params))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(p); err != nil {
				return nil, protocolError(jsonrpc2.CodeInvalidParams, "params: %v", err)
			}
		}
		if c, ok := any(p).(checker); ok {
			if err := c.check(); err != nil {
				return nil, protocolError(jsonrpc2.CodeInvalidParams, "params: %s", oneLine(err))
			}
		}
		return f(ctx, conn, p)
	}
}

// oneLine joins the lines of joined errors.
func oneLine(err error) string {
	return string(bytes.ReplaceAll([]byte(err.Error()), []byte("\n"), []byte("; ")))
}

func (s *server) initialize(ctx context.Context, conn *jsonrpc2.Conn, params *InitializeParams) (any, error) {
	if err := s.enter(initializing); err != nil {
		return nil, err
	}
	session := s.options.Open(*params)

	s.mu.Lock()
	s.session = session
	if s.state == initializing {
		s.state = ready
	}
	s.mu.Unlock()

	for _, warning := range session.Warnings {
		if err := conn.Notify(ctx, "log", LogParams{Level: "warn", Message: warning}); err != nil {
			return nil, err
		}
	}
	return InitializeResult{
		ServerVersion: s.options.Version,
		Enabled:       session.Cache != nil,
		Reason:        session.Reason,
		Mode:          session.Mode,
		Scope:         session.Scope,
		License:       session.License,
	}, nil
}

// enter changes the state, if the order of requests allows it.
func (s *server) enter(next state) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if next == initializing && s.state == fresh || next == ending && s.state != ending {
		s.state = next
		return nil
	}
	if s.state == ending {
		return protocolError(jsonrpc2.CodeInvalidRequest, "the session has ended with shutdown")
	}
	return protocolError(jsonrpc2.CodeInvalidRequest, "initialize has come before")
}

// use returns the cache for one request and what ends its use.
func (s *server) use() (*cache.Cache, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case fresh, initializing:
		return nil, nil, protocolError(CodeNotInitialized, "initialize has to come first")
	case ending:
		return nil, nil, protocolError(jsonrpc2.CodeInvalidRequest, "the session has ended with shutdown")
	}
	if s.session.Cache == nil {
		return nil, nil, protocolError(CodeDisabled, "%s", s.session.Reason)
	}
	s.uses.Add(1)
	return s.session.Cache, s.uses.Done, nil
}

func (s *server) retrieve(ctx context.Context, _ *jsonrpc2.Conn, params *RetrieveParams) (any, error) {
	c, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	hit, err := c.Retrieve(ctx, params.Hash, params.CacheDirectory)
	if errors.Is(err, cache.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	result := RetrieveResult{Code: hit.Code, OutputsPath: hit.OutputsPath, Size: hit.Size}
	if hit.TerminalOutput.Path != "" {
		result.TerminalOutputPath = &hit.TerminalOutput.Path
	} else {
		result.TerminalOutput = &hit.TerminalOutput.Text
	}
	return result, nil
}

func (s *server) store(ctx context.Context, _ *jsonrpc2.Conn, params *StoreParams) (any, error) {
	c, done, err := s.use()
	if err != nil {
		return nil, err
	}
	defer done()
	var output cache.TerminalOutput
	if params.TerminalOutputPath != nil {
		output.Path = *params.TerminalOutputPath
	} else {
		output.Text = *params.TerminalOutput
	}
	outcome, reason, err := c.Store(ctx, params.Hash, params.CacheDirectory, params.Code, output)
	if err != nil {
		return nil, err
	}
	zerolog.Ctx(ctx).Debug().Str("hash", params.Hash).Str("outcome", string(outcome)).Str("reason", reason).Msg("store")
	return StoreResult{Queued: outcome != cache.Skipped, Reason: reason}, nil
}

func (s *server) shutdown(context.Context, *jsonrpc2.Conn, *struct{}) (any, error) {
	if err := s.enter(ending); err != nil {
		return nil, err
	}
	s.uses.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session.Cache == nil {
		return cache.Summary{}, nil
	}
	return s.session.Cache.Summary(), nil
}
