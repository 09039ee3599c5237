package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache/backfill"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs/recorder"
)

// method handles the params of a request and returns its result.
type method func(ctx context.Context, conn *jsonrpc2.Conn, params json.RawMessage) (any, error)

type server struct {
	options    Options
	methods    map[string]method
	outbox     outbox
	responded  atomic.Int64   // number of responses
	handlers   sync.WaitGroup // of requests
	responses  sync.WaitGroup // not sent yet, except that of shutdown, which waits for the others
	background sync.WaitGroup // work besides requests
	records    sync.WaitGroup // that are being made
	recorder   recorder.Recorder

	// Of initialize, which sets them before the first request that uses them.
	header        runs.Record
	workspaceRoot string

	mu           sync.Mutex
	running      map[jsonrpc2.ID]*request
	refusal      error           // of further requests; nil while they are accepted
	initializing bool            // initialize was called
	session      *Session        // nil before initialize
	backfill     *backfill.Queue // of the session; nil unless it stores local hits
	waiting      int             // entries whose outcome is unknown
	problems     []StoredParams
	localHits    chan struct{} // closed when the local hits so far are queued
	ending       ending

	unreadable sync.Once // for the warning

	publishing sync.Mutex
	stateFile  stateFile // guarded by publishing
	beat       uint64    // guarded by publishing; see [State]
}

// Handle implements [jsonrpc2.Handler]. It runs each request on its own
// goroutine, because the connection calls it from its read loop.
func (s *server) Handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) {
	if req.Notif {
		switch {
		case req.Params == nil:
		case req.Method == "$/cancelRequest":
			s.cancel(*req.Params)
		case req.Method == "localHits":
			s.addLocalHits(ctx, *req.Params)
		case req.Method == "runEnded":
			s.runEnded(ctx, *req.Params)
		}
		return
	}
	// Before the goroutine starts, because the next message may cancel this request or,
	// like shutdown, wait for it.
	r, refusal := s.begin(ctx, req)
	// On a goroutine even for a rejected request: a client that no longer reads must not
	// block the reading of its messages and of its end.
	go func() {
		if refusal != nil {
			reply(ctx, conn, req.ID, nil, refusal)
			return
		}
		defer r.responded()
		result, err := s.work(r, conn, req)
		reply(r.ctx, conn, req.ID, result, err)
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

// request is an accepted request.
type request struct {
	ctx       context.Context
	cancel    context.CancelFunc
	handled   chan struct{} // closed when the handler has returned
	responded func()        // the response is sent
}

// begin accepts a request. The error says why it is rejected.
func (s *server) begin(ctx context.Context, req *jsonrpc2.Request) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		return nil, s.refusal
	}
	isShutdown := req.Method == "shutdown"
	if isShutdown {
		s.refusal = protocolError(jsonrpc2.CodeInvalidRequest, "the session has ended with shutdown")
	} else {
		s.responses.Add(1)
	}
	s.handlers.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	r := &request{ctx: ctx, cancel: cancel, handled: make(chan struct{})}
	s.running[req.ID] = r
	r.responded = func() {
		s.responded.Add(1)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, req.ID)
		if !isShutdown {
			s.responses.Done()
		}
	}
	return r, nil
}

// work executes a request.
func (s *server) work(r *request, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (any, error) {
	defer func() {
		close(r.handled)
		s.handlers.Done()
	}()
	started := time.Now()
	result, err := s.call(r.ctx, conn, req)
	zerolog.Ctx(r.ctx).Debug().Str("method", req.Method).Dur("took", time.Since(started)).Err(err).Msg("rpc")
	return result, err
}

// refuse rejects all further requests.
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
	if r, ok := s.running[*p.ID]; ok {
		r.cancel()
	}
}

// call calls a method. A panic becomes the error of this request, and does not affect
// others.
func (s *server) call(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) (result any, err error) {
	defer recoverPanic(ctx, req.Method, &err)
	m, ok := s.methods[req.Method]
	if !ok {
		return nil, protocolError(jsonrpc2.CodeMethodNotFound, "there is no method %q", printable.Short(req.Method, maxShown))
	}
	var params json.RawMessage
	if req.Params != nil {
		params = *req.Params
	}
	return m(ctx, conn, params)
}

// recoverPanic, deferred, turns a panic of a method into an error.
func recoverPanic(ctx context.Context, method string, err *error) {
	if p := recover(); p != nil {
		zerolog.Ctx(ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("handler panicked")
		*err = protocolError(jsonrpc2.CodeInternalError, "%s panicked: %v", printable.Short(method, maxShown), p)
	}
}

// Whether a method rejects unknown fields.
const (
	strict  = true
	lenient = false
)

// handle turns a function with typed params into a method.
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
				return nil, protocolError(jsonrpc2.CodeInvalidParams, "params: %s", printable.Short(err.Error(), 2*maxShown))
			}
		}
		if err := p.check(); err != nil {
			code, _ := diagnostic.CodeOf(err)
			return nil, withDiagnostic(protocolError(jsonrpc2.CodeInvalidParams, "params: %v", err), code)
		}
		return f(ctx, conn, p)
	}
}
