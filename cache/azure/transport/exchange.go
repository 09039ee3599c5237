package transport

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// limitingTransport keeps the limits of requests.
//
// A connection that was kept may have died unseen: a NAT or a firewall has forgotten
// it, or this machine has slept. A request that was sent on such a one, and got not a
// byte of an answer, is sent once more, on a fresh one, before it counts as a failure;
// all others that are idle are closed. A write may have arrived the first time: then
// the second one finds that its blob exists.
type limitingTransport struct {
	Limits
	pool   *lazyPool
	dialer *dialer
}

const (
	// idlePart of the limit for an answer is how long a connection must have been
	// idle to be doubted, and earlyPart of it how long an answer on it may take
	// then, unless much is sent before.
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

// rewind is a request as it is to be sent again. Its first body is not read any more.
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

// exchange is one request and the beginning of its answer.
type exchange struct {
	limitingTransport
	doubtsIdle bool // connections that were idle

	kept     atomic.Bool // the connection was open before
	answered atomic.Bool // with a byte at least
}

// diedUnseen reports whether a request that failed may have been sent on a connection
// that was dead.
func (e *exchange) diedUnseen(ctx context.Context) bool {
	return e.kept.Load() && !e.answered.Load() && ctx.Err() == nil
}

// answer is the limit for the answer on a connection.
func (e *exchange) answer(request *http.Request, conn httptrace.GotConnInfo) *LimitError {
	limit := e.Limits.answer(hasBody(request))
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
	var answer atomic.Pointer[LimitError] // the transport sends and receives on other goroutines

	stepRecorder := &httptrace.ClientTrace{
		// Once for each try of the transport's own, see [requestBodies].
		GetConn: func(string) { w.expect(connect) },
		GotConn: func(conn httptrace.GotConnInfo) {
			answer.Store(e.answer(request, conn))
			w.expect(answer.Load())
		},
		GotFirstResponseByte: func() { e.answered.Store(true) },
	}
	sent := new(requestBodies)
	traced := request.WithContext(httptrace.WithClientTrace(ctx, stepRecorder))
	if hasBody(request) {
		stepRecorder.WroteRequest = func(httptrace.WroteRequestInfo) { w.expect(answer.Load()) }
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
