package transport

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// limitingTransport enforces the time limits of requests.
//
// An idle connection may have died unseen: a NAT or firewall has dropped it, or this
// machine has slept. If a request on such a connection gets no byte of a response, it is
// sent once more on a new connection before it counts as failed, and all idle connections
// are closed. A write may have arrived the first time; then the second one finds that its
// blob exists.
type limitingTransport struct {
	Limits
	pool   *lazyPool
	dialer *dialer
}

const (
	// A connection that was idle for 1/idlePart of the response limit may be dead. A
	// response on it may take 1/earlyPart of the limit, unless a large body is sent first.
	idlePart  = 10
	earlyPart = 4
)

// RoundTrip implements [http.RoundTripper].
func (l limitingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	first := exchange{limitingTransport: l, doubtsIdle: true}
	response, err := first.send(request)
	if err == nil || !first.diedUnseen(request.Context()) {
		return response, err
	}
	again, err2 := rewind(request)
	if err2 != nil {
		return nil, err
	}
	l.pool.open().CloseIdleConnections()
	second := exchange{limitingTransport: l}
	return second.send(again)
}

// rewind returns the request as it is to be sent again. Its first body is no longer read.
func rewind(request *http.Request) (*http.Request, error) {
	if !hasBody(request) {
		return request, nil
	}
	if request.GetBody == nil {
		return nil, http.ErrBodyNotAllowed
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, err
	}
	again := request.Clone(request.Context())
	again.Body = body
	return again, nil
}

func hasBody(request *http.Request) bool { return request.Body != nil && request.Body != http.NoBody }

// exchange is one request and the beginning of its response.
type exchange struct {
	limitingTransport
	doubtsIdle bool // whether idle connections may be dead

	kept      atomic.Bool // the connection was idle before
	responded atomic.Bool // at least one byte
}

// diedUnseen reports whether a failed request may have been sent on a dead connection.
func (e *exchange) diedUnseen(ctx context.Context) bool {
	return e.kept.Load() && !e.responded.Load() && ctx.Err() == nil
}

// responseLimit is the limit for a response on a connection.
func (e *exchange) responseLimit(request *http.Request, conn httptrace.GotConnInfo) *LimitError {
	limit := e.Limits.responseLimit(hasBody(request))
	idle, isKept := conn.IdleTime, conn.Reused
	if since, isSpare := e.dialer.spareAge(conn.Conn); !isKept && isSpare && since >= e.FirstByte {
		idle, isKept = since, true
	}
	e.kept.Store(isKept)
	if e.doubtsIdle && idle >= e.FirstByte/idlePart && request.ContentLength <= maxUnsent {
		return &LimitError{What: limit.What, Limit: e.FirstByte / earlyPart, Key: limit.Key}
	}
	return limit
}

func (e *exchange) send(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	w := newWatchdog(cancel)
	connect := &LimitError{What: "no connection", Limit: e.Connect, Key: "connect"}
	stall := &LimitError{What: "no data was transferred", Limit: e.Stall, Key: "stall"}
	var responseLimit atomic.Pointer[LimitError] // set and used by the transport's goroutines

	hooks := &httptrace.ClientTrace{
		// Called for each try of the transport itself, see [requestBodies].
		GetConn: func(string) { w.expect(connect) },
		GotConn: func(conn httptrace.GotConnInfo) {
			responseLimit.Store(e.responseLimit(request, conn))
			w.expect(responseLimit.Load())
		},
		GotFirstResponseByte: func() { e.responded.Store(true) },
	}
	sent := new(requestBodies)
	traced := request.WithContext(httptrace.WithClientTrace(ctx, hooks))
	if hasBody(request) {
		hooks.WroteRequest = func(httptrace.WroteRequestInfo) { w.expect(responseLimit.Load()) }
		sent.wrap(traced, func() { w.expect(stall) })
	}
	w.expect(connect)
	response, err := e.pool.RoundTrip(traced)
	w.stop()
	if err != nil {
		sent.stop()
		err = limitBehind(ctx, err, connect)
		cancel(nil)
		return nil, err
	}
	response.Body = newResponseBody(response.Body, ctx, cancel, stall, sent)
	return response, nil
}
