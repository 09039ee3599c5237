package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/backfill"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

func (s *server) initialize(ctx context.Context, conn *jsonrpc2.Conn, params *InitializeParams) (any, error) {
	s.mu.Lock()
	again := s.initializing
	s.initializing = true
	s.mu.Unlock()
	if again {
		return nil, protocolError(jsonrpc2.CodeInvalidRequest, "initialize was called before")
	}
	zerolog.Ctx(ctx).Debug().
		Str("client", params.ClientVersion).Int("clientPid", params.ProcessID).
		Str("nx", params.NxVersion).Bool("ci", params.CI).Str("workspaceRoot", params.WorkspaceRoot).
		Msg("initialize")
	session := s.options.Open(*params)

	s.mu.Lock()
	s.session = &session
	s.workspaceRoot = params.WorkspaceRoot
	if session.Cache != nil {
		s.header = newHeader(params, &session)
	}
	if session.Backfill && session.Cache != nil {
		s.backfill = backfill.New(ctx, session.Cache, func(stored cache.Stored) { s.backfilled(ctx, stored) })
	}
	isBackfilling := s.backfill != nil
	s.mu.Unlock()

	if session.Cache != nil {
		s.background.Go(func() { s.reportProgress(context.WithoutCancel(ctx), conn, session.Cache) })
	}
	if session.Warm != nil {
		s.background.Go(func() { s.warm(ctx, conn, session.Warm) })
	}
	s.warn(ctx, conn, session.Warnings)
	s.outbox.flush(conn) // warnings come before the result
	result := InitializeResult{
		ServerVersion: s.options.Version,
		Enabled:       session.Cache != nil,
		Reason:        printable.Line(session.Reason),
		Diagnostic:    session.Diagnostic,
		Mode:          session.Mode,
		Scope:         session.Scope,
		ScopeReason:   printable.Line(session.ScopeReason),
		Location:      printable.String(session.Location),
		Drain:         session.Drain.Milliseconds(),
		Tasks:         session.Includes != nil,
		Backfill:      isBackfilling,
		License:       session.License,
	}
	result.License.Organization = printable.String(session.License.Organization)
	if session.Cache != nil {
		result.Session = session.Cache.Session()
		result.Records = session.Records != nil
		result.RecordAwaited = result.Records && session.Records.IsAwaited
		result.IdleTimeout = idleTimeout.Milliseconds()
	}
	return result, nil
}

// warm prepares for the first requests, until the client disconnects. It begins once the
// response to initialize, for which the client waits, is sent: that ends ctx.
func (s *server) warm(ctx context.Context, conn *jsonrpc2.Conn, prepare func(context.Context) []diagnostic.Message) {
	<-ctx.Done()
	session, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.background.Go(func() { s.warn(session, conn, prepare(session)) })
	<-conn.DisconnectNotify()
}

// warn sends warnings for people, one line each.
func (s *server) warn(ctx context.Context, conn *jsonrpc2.Conn, lines []diagnostic.Message) {
	for _, line := range lines {
		s.outbox.notify(ctx, conn, "log", LogParams{Level: "warn", Message: printable.Line(line.Text), Diagnostic: line.Code})
	}
}

// current returns the session, or nil before initialize.
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

// cache returns the cache of the session, or an error if there is none.
func (s *server) cache() (*cache.Cache, error) {
	session := s.current()
	switch {
	case session == nil:
		return nil, protocolError(CodeNotInitialized, "initialize must be called first")
	case session.Cache == nil:
		return nil, withDiagnostic(protocolError(CodeDisabled, "%s", session.Reason), session.Diagnostic)
	}
	return session.Cache, nil
}

// cacheOf returns the cache, or nil if the settings exclude the task.
func (s *server) cacheOf(ctx context.Context, method, hash string, task *Task) (*cache.Cache, error) {
	c, err := s.cache()
	if err != nil {
		return nil, err
	}
	includes := s.current().Includes
	switch {
	case includes == nil:
		return c, nil
	case task == nil: // it may be an excluded task, whose result may be secret
		return nil, protocolError(jsonrpc2.CodeInvalidParams, "params: task is missing")
	case !includes(*task):
		zerolog.Ctx(ctx).Debug().Str("hash", hash).Interface("task", task).Str("outcome", "excluded").Msg(method)
		s.recorder.Exclude(hash)
		return nil, nil
	}
	return c, nil
}

func (s *server) retrieve(ctx context.Context, conn *jsonrpc2.Conn, params *RetrieveParams) (any, error) {
	c, err := s.cacheOf(ctx, "retrieve", params.Hash, params.Task)
	if c == nil || err != nil {
		return nil, err
	}
	log := zerolog.Ctx(ctx).Debug().Str("hash", params.Hash)
	hit, err := c.Retrieve(ctx, params.Hash, params.CacheDirectory, params.Outputs...)
	s.recordLookup(params, hit, err)
	s.publish(ctx, c)
	if errors.Is(err, cache.ErrSampled) {
		log.Str("outcome", "sampled").Msg("retrieve")
		return nil, nil
	}
	if errors.Is(err, cache.ErrNotFound) {
		log.Str("outcome", "miss").Msg("retrieve")
		return nil, nil
	}
	if unreadable, ok := errors.AsType[*cache.UnreadableError](err); ok {
		log.Str("outcome", "unreadable").Msg("retrieve")
		s.unreadable.Do(func() {
			s.warn(ctx, conn, []diagnostic.Message{{Code: diagnostic.EntryUnreadable, Text: unreadable.Error()}})
		})
		return nil, nil
	}
	if err != nil {
		log.Str("outcome", "failed").Msg("retrieve")
		return nil, err
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
	c, err := s.cacheOf(ctx, "store", params.Hash, params.Task)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return StoreResult{Queued: false, Reason: ""}, nil
	}
	var output cache.TerminalOutput
	if params.TerminalOutputPath != nil {
		output.Path = *params.TerminalOutputPath
	} else {
		output.Text = *params.TerminalOutput
	}
	s.count(+1)
	result := cache.Result{
		Hash: params.Hash, CacheDirectory: params.CacheDirectory, Code: *params.Code,
		TerminalOutput: output, Outputs: params.Outputs, Snapshot: params.snapshot(), Task: params.Task.String(), Took: params.Took,
	}
	reason, err := c.Store(ctx, result, func(stored cache.Stored) {
		outcome := storedParams(stored)
		s.recorder.Store(stored, s.problem(outcome.Reason, outcome.Diagnostic, params.CacheDirectory))
		s.stored(ctx, conn, c, outcome)
	})
	isQueued := reason == "" && err == nil
	if isQueued {
		s.recorder.Accept(params.Hash)
	} else {
		s.count(-1)
		s.recordRejection(params, reason, err)
	}
	if err != nil && !errors.Is(err, cache.ErrSkipped) {
		return nil, err
	}
	if !isQueued {
		zerolog.Ctx(ctx).Debug().Str("hash", params.Hash).Str("reason", reason).Err(err).Msg("store")
	}
	s.publish(ctx, c)
	stored := StoreResult{Queued: isQueued, Reason: printable.Line(reason)}
	if reason != "" {
		stored.Diagnostic = diagnostic.ResultChanged // the next run can store it
		if s.current().Mode != cache.ReadWrite {
			stored.Diagnostic = diagnostic.ReadOnly
		}
	}
	return stored, nil
}

// count counts the entries whose outcome is unknown.
func (s *server) count(more int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += more
}

// stored reports the outcome of an entry to the client, and in the state file.
func (s *server) stored(ctx context.Context, conn *jsonrpc2.Conn, c *cache.Cache, params StoredParams) {
	zerolog.Ctx(ctx).Debug().Str("hash", params.Hash).Int64("bytes", params.Bytes).
		Str("outcome", string(params.Outcome)).Str("reason", params.Reason).Msg("stored")
	s.mu.Lock()
	s.problems = addProblem(s.problems, params)
	s.waiting--
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
	_, params.Diagnostic = classify(stored.Err)
	if stored.Outcome == cache.OutcomeEvicted { // whatever error showed it
		params.Diagnostic = diagnostic.ResultEvicted
	}
	if stored.Outcome == cache.OutcomeFailed {
		params.Code = &failed.Code
	}
	return params
}

// shutdown ignores params.
func (s *server) shutdown(ctx context.Context, conn *jsonrpc2.Conn, _ json.RawMessage) (any, error) {
	responded := make(chan struct{})
	go func() {
		s.responses.Wait()
		close(responded)
	}()
	select {
	case <-responded:
	case <-conn.DisconnectNotify(): // perhaps because the client reads no responses
		return nil, jsonrpc2.ErrClosed
	}
	c, err := s.cache()
	if err != nil {
		return cache.Summary{}, nil // there is no cache
	}
	limited, cancel := context.WithTimeout(ctx, s.drainLimit())
	defer cancel()
	s.backfill.Drain(limited)
	_ = c.Drain(limited) // the summary counts what was not stored
	wait(limited, s.recorded())
	s.outbox.flush(conn)
	return c.Summary(), nil
}
