package azuretest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Action is what a fault does.
type Action string

// The actions of a [Fault].
const (
	// Fail answers with Status and Code, and does nothing else.
	Fail Action = "fail"
	// Reset resets the connection when the request is there, and does nothing else.
	Reset Action = "reset"
	// Lose does what is asked for, and resets the connection instead of an answer.
	Lose Action = "lose"
	// Hold answers as usual, once it is released or For is over.
	Hold Action = "hold"
	// ResetBody resets the connection after so many bytes of the body, that of
	// the request where it has one. Fewer may arrive: a reset overtakes them.
	ResetBody Action = "reset body"
	// EndBody is like it, but ends the connection when the bytes have arrived.
	EndBody Action = "end body"
	// StallBody sends, or reads, so many bytes of the body and no more until it
	// is released; then it ends the connection.
	StallBody Action = "stall body"
)

// Fault says which requests are not answered as usual, and what happens to them.
type Fault struct {
	// Method, Blob and Range are those of the requests; each may have * for any
	// characters and ? for one, and "" stands for all. Blob is the blob's name.
	Method, Blob, Range string
	// Times is how many requests it happens to; 0 stands for all.
	Times int

	Action Action
	// Status, Code and RetryAfter are the answer of Fail; Code may be "", as from
	// a proxy.
	Status     int
	Code       string
	RetryAfter time.Duration
	// For is how long Hold holds a request that is not released; 0 stands for ever.
	For time.Duration
	// After is how many bytes pass first. Bodies no longer than that are whole.
	After int64
}

// FaultRule is a [Fault] in force.
type FaultRule struct {
	Fault
	faults   *faults
	left     int // of Times
	reached  chan struct{}
	release  sync.Once
	released chan struct{}
}

type faults struct {
	mu    sync.Mutex
	rules []*FaultRule
}

// AddFault puts a fault in force. What several say is done by the first.
func (s *Service) AddFault(fault Fault) *FaultRule {
	rule := &FaultRule{
		Fault: fault, faults: &s.faults, left: fault.Times,
		reached: make(chan struct{}, 1000), released: make(chan struct{}),
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = append(s.faults.rules, rule)
	return rule
}

// Remove ends a fault. What it holds stays held.
func (f *FaultRule) Remove() {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	f.faults.rules = slices.DeleteFunc(f.faults.rules, func(rule *FaultRule) bool { return rule == f })
}

// Restore puts a fault in force again that was removed, with what is left of its
// times.
func (f *FaultRule) Restore() {
	f.faults.mu.Lock()
	defer f.faults.mu.Unlock()
	if usedUp := f.Times > 0 && f.left == 0; !usedUp && !slices.Contains(f.faults.rules, f) {
		f.faults.rules = append(f.faults.rules, f)
	}
}

// Release ends a fault and lets go of what it holds.
func (f *FaultRule) Release() {
	f.Remove()
	f.release.Do(func() { close(f.released) })
}

// Reached gets a value for each request that the fault happens to, for a
// thousand of them at most if nobody receives.
func (f *FaultRule) Reached() <-chan struct{} { return f.reached }

// match finds what happens to a request. It counts as one of its times.
func (f *faults) match(c *call) *FaultRule {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, rule := range f.rules {
		if !matches(rule.Method, c.r.Method) || !matches(rule.Blob, c.name) || !matches(rule.Range, rangeOf(c.r.Header)) {
			continue
		}
		if rule.left > 0 {
			if rule.left--; rule.left == 0 {
				f.rules = slices.Delete(f.rules, i, i+1)
			}
		}
		select {
		case rule.reached <- struct{}{}:
		default:
		}
		return rule
	}
	return nil
}

// matches reports whether text is like a pattern with * and ?, where "" stands
// for *.
func matches(pattern, text string) bool {
	return pattern == "" || like(pattern, text)
}

// like is StringLike of Azure's conditions: * stands for any characters, / too.
func like(pattern, text string) bool {
	star, again := -1, 0 // the last *, and where the text is taken up after it
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			again++
			p, t = star+1, again
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// wait holds a request. It reports false where the client goes first.
func (f *FaultRule) wait(ctx context.Context) bool {
	var over <-chan time.Time // nil: never
	if f.For > 0 {
		over = time.After(f.For)
	}
	select {
	case <-f.released:
		return true
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f *FaultRule) breaksBody() bool {
	return f.Action == ResetBody || f.Action == EndBody || f.Action == StallBody
}

// breakUpload breaks off in the body of the request. It reports false where
// there is nothing to break.
func (c *call) breakUpload(rule *FaultRule) bool {
	if !rule.breaksBody() || c.r.ContentLength >= 0 && c.r.ContentLength <= rule.After {
		return false
	}
	if _, err := io.CopyN(io.Discard, c.r.Body, rule.After); err != nil {
		c.abort()
	}
	c.breakOff(rule)
	return true
}

// breakOff ends the connection in the middle of a body.
func (c *call) breakOff(rule *FaultRule) {
	switch rule.Action {
	case ResetBody:
		c.reset()
	case StallBody:
		rule.wait(c.r.Context())
		c.abort()
	default:
		c.abort()
	}
}

// abort ends the connection.
func (c *call) abort() {
	panic(http.ErrAbortHandler)
}

// reset ends the connection so that the client sees a reset.
func (c *call) reset() {
	connection, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		panic("azuretest: a reset needs HTTP/1.1: " + err.Error())
	}
	_ = tcp(connection).SetLinger(0) // the client may have gone
	_ = tcp(connection).Close()
}

// tcp is what a connection consists of.
func tcp(connection net.Conn) *net.TCPConn {
	switch inner := connection.(type) {
	case *tls.Conn:
		return tcp(inner.NetConn())
	case *conn:
		return tcp(inner.Conn)
	default:
		return inner.(*net.TCPConn)
	}
}

// throttle lets so many requests a second through.
type throttle struct {
	mu         sync.Mutex
	perSecond  int // 0: no limit
	retryAfter time.Duration
	second     time.Time // when the current one began
	count      int       // in it
}

// Throttle answers 503 ServerBusy to all but the first requests of each second.
// 0 stands for no limit. Azure sends no Retry-After, and with 0 it is not sent.
func (s *Service) Throttle(perSecond int, retryAfter time.Duration) {
	s.throttle.mu.Lock()
	defer s.throttle.mu.Unlock()
	s.throttle.perSecond, s.throttle.retryAfter, s.throttle.count = perSecond, retryAfter, 0
}

func (t *throttle) refuse(now time.Time) (answer, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.perSecond == 0 {
		return answer{}, false
	}
	if now.Sub(t.second) >= time.Second {
		t.second, t.count = now, 0
	}
	if t.count++; t.count <= t.perSecond {
		return answer{}, false
	}
	busy := failure(http.StatusServiceUnavailable, "ServerBusy")
	busy.header = retryAfter(t.retryAfter)
	return busy, true
}

// retryAfter is the header, in seconds, and never less than is meant.
func retryAfter(d time.Duration) http.Header {
	if d <= 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)}}
}
