package rpc_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

var jsonNull = json.RawMessage("null")

func TestCancel(t *testing.T) {
	for name, id := range map[string]jsonrpc2.ID{
		"a number":         {Num: 7},
		"a string":         {Str: "seven", IsString: true},
		"a numeric string": {Str: "7", IsString: true},
	} {
		t.Run("by "+name, func(t *testing.T) {
			gate := newGate(new(cachetest.Memory))
			c := startWith(t, gate)
			waiter := c.dispatch(id, "retrieve", retrieveParams("1", t.TempDir()))
			<-gate.arrived
			c.notify("$/cancelRequest", object{"id": id})
			err := waiter.Wait(t.Context(), nil)
			if got := wireError(t, err); got.Code != rpc.CodeCancelled {
				t.Errorf("got %v, want the code %d", got, rpc.CodeCancelled)
			}
		})
	}
}

func TestCancelOfAWaitingRequest(t *testing.T) {
	gate := newGate(new(cachetest.Memory))
	c := startWith(t, gate)
	const many = 100 // more than run at once
	var waiters []jsonrpc2.Waiter
	for i := range uint64(many) {
		waiters = append(waiters, c.dispatch(jsonrpc2.ID{Num: 100 + i}, "retrieve", retrieveParams("1", t.TempDir())))
	}
	<-gate.arrived
	for i, waiter := range waiters {
		c.notify("$/cancelRequest", object{"id": 100 + i})
		if got := wireError(t, waiter.Wait(t.Context(), nil)); got.Code != rpc.CodeCancelled {
			t.Errorf("got %v, want the code %d", got, rpc.CodeCancelled)
		}
	}
}

func TestIneffectiveCancel(t *testing.T) {
	for name, params := range map[string]any{
		"an unknown number":             object{"id": 8},
		"an unknown string":             object{"id": "eight"},
		"a string for a running number": object{"id": "7"},
		"a request that is finished":    object{"id": 1},
		"no id":                         object{},
		"no params":                     nil,
		"params null":                   jsonNull,
		"params by position":            []int{7},
		"an invalid id":                 object{"id": object{}},
		"a fraction":                    object{"id": 7.5},
	} {
		t.Run(name, func(t *testing.T) {
			gate := newGate(new(cachetest.Memory))
			c := startWith(t, gate)
			waiter := c.dispatch(jsonrpc2.ID{Num: 7}, "retrieve", retrieveParams("1", t.TempDir()))
			arrived := <-gate.arrived

			c.notify("$/cancelRequest", params)
			c.fail("ping", nil) // the response shows that the notification was read
			close(arrived.pass)
			if err := waiter.Wait(t.Context(), nil); err != nil {
				t.Errorf("the running request: %v", err)
			}
		})
	}
}

// vscode-jsonrpc counts its ids from 0.
func TestCancelOfZero(t *testing.T) {
	gate := newGate(new(cachetest.Memory))
	s := startRaw(t, session(rpc.Session{Cache: newCache(gate)}))
	s.send("a", "initialize", initializeParams(t))
	s.receive()
	s.send(0, "retrieve", retrieveParams("1", t.TempDir()))
	<-gate.arrived

	s.send(nil, "$/cancelRequest", object{"id": nil}) // is not 0
	s.send("b", "ping", nil)
	if got := s.receive(); string(got.ID) != `"b"` {
		t.Errorf("got a response to %s, want the other request to continue", got.ID)
	}
	s.send(nil, "$/cancelRequest", object{"id": 0})
	if got := s.receive(); string(got.ID) != "0" || got.Error == nil || got.Error.Code != rpc.CodeCancelled {
		t.Errorf("got %+v, want the error %d for 0", got, rpc.CodeCancelled)
	}
}

// A cancellation of a finished request has no effect.
func TestLateCancel(t *testing.T) {
	gate := newGate(new(cachetest.Memory))
	c := startWith(t, gate)
	waiter := c.dispatch(jsonrpc2.ID{Num: 7}, "retrieve", retrieveParams("1", t.TempDir()))
	close((<-gate.arrived).pass)
	if err := waiter.Wait(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	c.notify("$/cancelRequest", object{"id": 7})
	// A second request with the same id is another request.
	waiter = c.dispatch(jsonrpc2.ID{Num: 7}, "retrieve", retrieveParams("1", t.TempDir()))
	close((<-gate.arrived).pass)
	if err := waiter.Wait(t.Context(), nil); err != nil {
		t.Errorf("a later request with the same id: %v", err)
	}
}

// A transfer that is cancelled halfway does not count as damaged.
func TestCancelOfATransfer(t *testing.T) {
	blobs := new(cachetest.Memory)
	c := startWith(t, blobs)
	c.store(storeParams("1", newResult(t, "1", "hello")))
	blob, err := blobs.Get(t.Context(), "v1/shared/1")
	if err != nil {
		t.Fatal(err)
	}
	reading := make(chan struct{})
	c = startWith(t, hooked{get: func(ctx context.Context, _ string) (*cache.Blob, error) {
		stalled := *blob
		stalled.Body = &stalledBody{ctx: ctx, body: blob.Body, left: 20, reading: reading}
		return &stalled, nil
	}})
	waiter := c.dispatch(jsonrpc2.ID{Num: 7}, "retrieve", retrieveParams("1", t.TempDir()))
	<-reading
	c.notify("$/cancelRequest", object{"id": 7})
	if got := wireError(t, waiter.Wait(t.Context(), nil)); got.Code != rpc.CodeCancelled {
		t.Errorf("got %v, want the code %d", got, rpc.CodeCancelled)
	}
	var summary cache.Summary
	c.call("shutdown", nil, &summary)
	if summary.Damaged != 0 {
		t.Errorf("got the summary %+v, want nothing damaged", summary)
	}
}

// stalledBody returns a few bytes, closes reading, and then blocks until ctx ends.
type stalledBody struct {
	ctx     context.Context
	body    interface{ Read([]byte) (int, error) }
	left    int
	reading chan struct{}
}

func (b *stalledBody) Read(p []byte) (int, error) {
	if b.left > 0 {
		n, err := b.body.Read(p[:min(len(p), b.left)])
		b.left -= n
		return n, err
	}
	close(b.reading)
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func (*stalledBody) Close() error { return nil }
