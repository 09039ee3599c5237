// Package faults simulates faults between a client and a server in tests: requests that
// fail, hang or break off (rules.go), a slow network (network.go), and an HTTP proxy that
// can refuse (proxy.go).
//
// It knows HTTP and TCP. It must not know what a blob service responds: package azuretest
// applies the rules.
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
	// Fail responds with Status and Code, and does nothing else.
	Fail Action = "fail"
	// Reset resets the connection once the request has arrived, and does nothing else.
	Reset Action = "reset"
	// Lose performs the request, and resets the connection instead of responding.
	Lose Action = "lose"
	// Hold responds as usual, once the rule is released or For has passed.
	Hold Action = "hold"
	// ResetBody resets the connection after After bytes of the body, that of the request if
	// it has one. Fewer may arrive: a reset overtakes them.
	ResetBody Action = "reset body"
	// EndBody is like ResetBody, but closes the connection when the bytes have arrived.
	EndBody Action = "end body"
	// StallBody sends, or reads, After bytes of the body and no more until the rule is
	// released; then it closes the connection.
	StallBody Action = "stall body"
)

// Fault says which requests fail, and how.
type Fault struct {
	// Method, Blob and Range select requests. Each may contain * for any characters and ?
	// for one; "" matches all. Blob is the blob's name.
	Method, Blob, Range string
	// Times is how many requests fail; 0 means all.
	Times int

	Action Action
	// Status, Code and RetryAfter are the response of Fail. Code may be "", as from a proxy.
	Status     int
	Code       string
	RetryAfter time.Duration
	// For is how long Hold holds a request that is not released; 0 means no limit.
	For time.Duration
	// After is how many bytes of the body pass. Shorter bodies pass whole.
	After int64
}

// Rule is an active [Fault].
type Rule struct {
	Fault
	rules    *Rules
	left     int // of Times
	reached  chan struct{}
	release  sync.Once
	released chan struct{}
}

// Rules are the active faults. The zero value has none.
type Rules struct {
	mu    sync.Mutex
	rules []*Rule
}

// Add activates a fault. If several match a request, the first one applies.
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

// Remove deactivates a fault. Requests that it holds stay held.
func (f *Rule) Remove() {
	f.rules.mu.Lock()
	defer f.rules.mu.Unlock()
	f.rules.rules = slices.DeleteFunc(f.rules.rules, func(rule *Rule) bool { return rule == f })
}

// Restore activates a removed fault again, for the rest of its times.
func (f *Rule) Restore() {
	f.rules.mu.Lock()
	defer f.rules.mu.Unlock()
	if usedUp := f.Times > 0 && f.left == 0; !usedUp && !slices.Contains(f.rules.rules, f) {
		f.rules.rules = append(f.rules.rules, f)
	}
}

// Release deactivates a fault and releases the requests that it holds.
func (f *Rule) Release() {
	f.Remove()
	f.release.Do(func() { close(f.released) })
}

// Reached receives a value for each request that fails, for up to a thousand that are not
// received.
func (f *Rule) Reached() <-chan struct{} { return f.reached }

// Match finds the fault of a request, and counts it.
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

// Wait holds a request. It returns false if the client goes first.
func (f *Rule) Wait(ctx context.Context) bool {
	var over <-chan time.Time // nil never fires
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
