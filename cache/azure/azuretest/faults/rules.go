// Package faults breaks what lies between a client and a server of the tests: requests
// that fail, hang or are cut off (rules.go), a slow network (network.go), and an HTTP
// proxy that can refuse (proxy.go).
//
// It knows HTTP and TCP. What a blob service answers is the matter of package azuretest,
// which applies the rules.
package faults

import (
	"context"
	"slices"
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

// Rule is a [Fault] in force.
type Rule struct {
	Fault
	rules    *Rules
	left     int // of Times
	reached  chan struct{}
	release  sync.Once
	released chan struct{}
}

// Rules are the faults in force. The zero value has none.
type Rules struct {
	mu    sync.Mutex
	rules []*Rule
}

// Add puts a fault in force. What several say is done by the first.
func (r *Rules) Add(fault Fault) *Rule {
	rule := &Rule{
		Fault: fault, rules: r, left: fault.Times,
		reached: make(chan struct{}, 1000), released: make(chan struct{}),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = append(r.rules, rule)
	return rule
}

// Remove ends a fault. What it holds stays held.
func (f *Rule) Remove() {
	f.rules.mu.Lock()
	defer f.rules.mu.Unlock()
	f.rules.rules = slices.DeleteFunc(f.rules.rules, func(rule *Rule) bool { return rule == f })
}

// Restore puts a fault in force again that was removed, with what is left of its
// times.
func (f *Rule) Restore() {
	f.rules.mu.Lock()
	defer f.rules.mu.Unlock()
	if usedUp := f.Times > 0 && f.left == 0; !usedUp && !slices.Contains(f.rules.rules, f) {
		f.rules.rules = append(f.rules.rules, f)
	}
}

// Release ends a fault and lets go of what it holds.
func (f *Rule) Release() {
	f.Remove()
	f.release.Do(func() { close(f.released) })
}

// Reached gets a value for each request that the fault happens to, for a
// thousand of them at most if nobody receives.
func (f *Rule) Reached() <-chan struct{} { return f.reached }

// Match finds what happens to a request. It counts as one of its times.
func (r *Rules) Match(method, blob, byteRange string) *Rule {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, rule := range r.rules {
		if !matches(rule.Method, method) || !matches(rule.Blob, blob) || !matches(rule.Range, byteRange) {
			continue
		}
		if rule.left > 0 {
			if rule.left--; rule.left == 0 {
				r.rules = slices.Delete(r.rules, i, i+1)
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

// Wait holds a request. It reports false where the client goes first.
func (f *Rule) Wait(ctx context.Context) bool {
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

// BreaksBody reports whether the fault happens in the middle of a body.
func (f *Rule) BreaksBody() bool {
	return f.Action == ResetBody || f.Action == EndBody || f.Action == StallBody
}
