package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

func TestNotInitialized(t *testing.T) {
	dir := t.TempDir()
	c := start(t, session(rpc.Session{Cache: newCache(new(cachetest.Memory))}))
	for method, params := range map[string]any{"retrieve": retrieveParams("1", dir), "store": storeParams("1", dir)} {
		if got := c.fail(method, params); got.Code != rpc.CodeNotInitialized {
			t.Errorf("%s: got %v, want the code %d", method, got, rpc.CodeNotInitialized)
		}
	}
	c.initialize()
	c.call("retrieve", retrieveParams("1", dir), nil)
}

func TestUnknownNotificationsAreIgnored(t *testing.T) {
	c := startWith(t, new(cachetest.Memory))
	before := len(parse(t, c.output.bytes()))
	dir := t.TempDir()
	for _, method := range []string{"$/setTrace", "exit", "", "store", "shutdown", "initialize"} {
		c.notify(method, storeParams("1", dir))
	}
	var got json.RawMessage
	c.call("retrieve", retrieveParams("1", dir), &got)
	if string(got) != "null" {
		t.Errorf("got %s, want a miss: a notification stores nothing", got)
	}
	if after := len(parse(t, c.output.bytes())); after != before+1 {
		t.Errorf("got %d messages, want only the response", after-before)
	}
}

func TestResponsesComeInAnyOrder(t *testing.T) {
	const many = 50
	blobs := new(cachetest.Memory)
	var hashes []string
	for i := range many {
		hash := fmt.Sprint("hash-", i)
		hashes = append(hashes, hash)
		fill(t, blobs, hash, newResult(t, hash, hash), i, hash)
	}
	gate := newGate(blobs)
	c := startWith(t, gate)
	dir := t.TempDir()
	waiters := make(map[string]jsonrpc2.Waiter)
	for _, hash := range hashes {
		waiters[hash] = c.dispatch(jsonrpc2.ID{Str: hash, IsString: true}, "retrieve", retrieveParams(hash, dir))
	}

	// The last of the running requests is released first.
	var passed []string
	var waiting []arrival
	for len(passed) < many {
		for len(waiting) < min(2, many-len(passed)) {
			waiting = append(waiting, <-gate.arrived)
		}
		next := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		close(next.pass)
		var got rpc.RetrieveResult
		if err := waiters[next.hash].Wait(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		if want := slices.Index(hashes, next.hash); got.Code != want || *got.TerminalOutput != next.hash {
			t.Errorf("got %+v, want the result of %s", got, next.hash)
		}
		passed = append(passed, next.hash)
	}

	var answered []string
	for _, m := range parse(t, c.output.bytes()) {
		var id string
		if json.Unmarshal(m.ID, &id) == nil {
			answered = append(answered, id)
		}
	}
	if !slices.Equal(answered, passed) {
		t.Errorf("got the responses in the order %v, want %v", answered, passed)
	}
	if slices.Equal(answered, hashes) {
		t.Error("got the responses in the order of the requests, want another: the test tested nothing")
	}
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := newGate(new(cachetest.Memory))
		c := startWith(t, gate)
		waiter := c.dispatch(jsonrpc2.ID{Str: "work", IsString: true}, "retrieve", retrieveParams("1", t.TempDir()))
		arrived := <-gate.arrived
		shutdown := c.dispatch(jsonrpc2.ID{Str: "shutdown", IsString: true}, "shutdown", nil)
		synctest.Wait()
		if n := len(parse(t, c.output.bytes())); n != 1 {
			t.Fatalf("got %d responses while a request is running, want only that to initialize", n)
		}
		close(arrived.pass)

		var summary cache.Summary
		if err := shutdown.Wait(t.Context(), &summary); err != nil {
			t.Fatal(err)
		}
		if want := (cache.Summary{Misses: 1}); summary != want {
			t.Errorf("got %+v, want %+v", summary, want)
		}
		if err := waiter.Wait(t.Context(), nil); err != nil {
			t.Errorf("the running request: %v", err)
		}
		if messages := parse(t, c.output.bytes()); string(messages[len(messages)-1].ID) != `"shutdown"` {
			t.Error("the running request got its response after shutdown, want before")
		}
		for _, method := range []string{"initialize", "retrieve", "store", "shutdown", "ping"} {
			if got := c.fail(method, nil); got.Code != jsonrpc2.CodeInvalidRequest {
				t.Errorf("%s: got %v, want the code %d", method, got, jsonrpc2.CodeInvalidRequest)
			}
		}
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
}

// Requests count in the order in which they are sent, even if the client does not wait for
// responses in between.
func TestShutdownRightAfterStore(t *testing.T) {
	dir := newResult(t, "1", "hello")
	for range 50 {
		c := startWith(t, new(cachetest.Memory))
		store := c.dispatch(jsonrpc2.ID{Num: 100}, "store", storeParams("1", dir))
		shutdown := c.dispatch(jsonrpc2.ID{Num: 101}, "shutdown", nil)
		late := c.dispatch(jsonrpc2.ID{Num: 102}, "store", storeParams("1", dir))
		if err := store.Wait(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var summary cache.Summary
		if err := shutdown.Wait(t.Context(), &summary); err != nil || summary.Stored != 1 {
			t.Fatalf("got %+v and %v, want one stored", summary, err)
		}
		if got := wireError(t, late.Wait(t.Context(), nil)); got.Code != jsonrpc2.CodeInvalidRequest {
			t.Fatalf("got %v, want the code %d", got, jsonrpc2.CodeInvalidRequest)
		}
	}
}

func TestShutdownWithoutInitialize(t *testing.T) {
	c := start(t, session(rpc.Session{}))
	c.call("shutdown", []int{1}, nil) // params are ignored
	if err := c.end(); err != nil {
		t.Error(err)
	}
}

// lingering is blobs whose Get returns some time after ctx has ended.
type lingering struct {
	cache.Blobs
	started, cancelled, release chan struct{}
	ended                       bool
}

func newLingering() *lingering {
	return &lingering{started: make(chan struct{}), cancelled: make(chan struct{}), release: make(chan struct{})}
}

func (l *lingering) Get(ctx context.Context, _ string) (*cache.Blob, error) {
	close(l.started)
	<-ctx.Done()
	close(l.cancelled)
	<-l.release
	l.ended = true
	return nil, ctx.Err()
}

// TestServeWaits also shows that no goroutine is left, because all goroutines of a
// synctest bubble must end.
func TestServeWaits(t *testing.T) {
	for name, end := range map[string]func(*client, context.CancelFunc){
		"the client closes the stream": func(c *client, _ context.CancelFunc) { c.Close() },
		"the context ends":             func(_ *client, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blobs := newLingering()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := startContext(ctx, t, session(rpc.Session{Cache: newCache(blobs)}))
				c.initialize()
				waiter := c.dispatch(jsonrpc2.ID{Num: 100}, "retrieve", retrieveParams("1", t.TempDir()))
				shutdown := c.dispatch(jsonrpc2.ID{Num: 101}, "shutdown", nil)
				<-blobs.started

				end(c, cancel)
				<-blobs.cancelled
				synctest.Wait()
				select {
				case err := <-c.served:
					t.Fatalf("Serve returned %v while a handler was running", err)
				default:
				}
				close(blobs.release)
				if err := <-c.served; err != nil {
					t.Errorf("got %v, want nil", err)
				}
				if !blobs.ended {
					t.Error("Serve returned before the handler")
				}
				for _, w := range []jsonrpc2.Waiter{waiter, shutdown} {
					if err := w.Wait(t.Context(), nil); !errors.Is(err, jsonrpc2.ErrClosed) {
						t.Errorf("got %v, want no response", err)
					}
				}
				if n := len(parse(t, c.output.bytes())); n != 1 {
					t.Errorf("got %d messages, want only the response to initialize", n)
				}
			})
		})
	}
}

// A request that was read while the stream was closing runs before Serve
// returns, or not at all.
func TestRequestsAtTheEnd(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan struct{})
		c := startContext(ctx, t, rpc.Options{Open: func(rpc.InitializeParams) rpc.Session {
			select {
			case <-returned:
				t.Error("a handler ran after Serve had returned")
			default:
			}
			return rpc.Session{}
		}})
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			// With or without a response, the request must not outlive Serve.
			_, _ = c.DispatchCall(ctx, "initialize", initializeParams(t))
		}()
		cancel()
		<-c.served
		close(returned)
		<-sent
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := startContext(ctx, t, session(rpc.Session{}))
	if err := <-c.served; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
