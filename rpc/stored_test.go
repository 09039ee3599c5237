package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// TestStored provokes each outcome that doc.go lists.
func TestStored(t *testing.T) {
	puts := func(err error) func(*cachetest.Memory) cache.Blobs {
		return func(m *cachetest.Memory) cache.Blobs {
			return hooked{Blobs: m, put: func(context.Context, string) error { return err }}
		}
	}
	plain := func(m *cachetest.Memory) cache.Blobs { return m }
	for name, test := range map[string]struct {
		blobs   func(*cachetest.Memory) cache.Blobs
		prepare func(t *testing.T, m *cachetest.Memory, result string)
		outcome cache.Outcome
		code    int64 // 0 means none
		reason  string
	}{
		"stored": {blobs: plain, outcome: cache.OutcomeStored},
		"exists": {blobs: plain, outcome: cache.OutcomeExists, prepare: func(t *testing.T, m *cachetest.Memory, _ string) {
			fill(t, m, "1", newResult(t, "1", "hello"), 0, "")
		}},
		"refused": {blobs: plain, outcome: cache.OutcomeRefused, reason: "link -> /etc/passwd", prepare: func(t *testing.T, _ *cachetest.Memory, result string) {
			if err := os.Symlink("/etc/passwd", filepath.Join(result, "link")); err != nil {
				t.Fatal(err)
			}
		}},
		"failed":                      {blobs: puts(errors.New("connection\nrefused")), outcome: cache.OutcomeFailed, code: 1, reason: "connection; refused"},
		"failed, too slow":            {blobs: puts(fmt.Errorf("put: %w", cache.ErrTimeLimit)), outcome: cache.OutcomeFailed, code: 1, reason: "time limit"},
		"failed, because of settings": {blobs: puts(&cache.ConfigError{Err: errors.New("create it")}), outcome: cache.OutcomeFailed, code: 2, reason: "create it"},
		"failed, the cache is off":    {blobs: puts(fmt.Errorf("%w: 503", cache.ErrOff)), outcome: cache.OutcomeFailed, code: 4, reason: "the remote cache is off for the rest of this run: 503"},
		"failed, cancelled":           {blobs: puts(context.Canceled), outcome: cache.OutcomeFailed, code: -32800, reason: "canceled"},
		"failed, a bug":               {blobs: func(*cachetest.Memory) cache.Blobs { return nil }, outcome: cache.OutcomeFailed, code: -32603, reason: "panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			m := new(cachetest.Memory)
			dir := newResult(t, "1", "hello")
			if test.prepare != nil {
				test.prepare(t, m, filepath.Join(dir, "1"))
			}
			got := startWith(t, test.blobs(m)).store(storeParams("1", dir))
			if got.Hash != "1" || got.Outcome != test.outcome || (got.Bytes > 0) != (test.outcome == cache.OutcomeStored) {
				t.Errorf("got %+v, want %q", got, test.outcome)
			}
			if !strings.Contains(got.Reason, test.reason) || (got.Reason == "") != (test.reason == "") || strings.Contains(got.Reason, "\n") {
				t.Errorf("got the reason %q, want %q on one line", got.Reason, test.reason)
			}
			if (got.Code == nil) != (test.code == 0) || got.Code != nil && *got.Code != test.code {
				t.Errorf("got %+v, want the code %d", got, test.code)
			}
		})
	}
}

func TestStoredOfAChangedResult(t *testing.T) {
	blobs := newGatedPuts()
	c := startWith(t, blobs)
	dir := newResult(t, "1", "hello")
	var got rpc.StoreResult
	for range 4 { // as many as are packed at once
		c.call("store", storeParams("1", dir), &got)
		<-blobs.arrived
	}
	other := newResult(t, "2", "hello")
	c.call("store", storeParams("2", other), &got)
	write(t, filepath.Join(other, "2", "dist", "main.js"), "other")
	close(blobs.gate)
	for stored := range c.stored {
		if stored.Hash != "2" {
			continue
		}
		if stored.Outcome != cache.OutcomeChanged || stored.Code != nil || !strings.Contains(stored.Reason, "changed while it was stored") {
			t.Errorf("got %+v, want %q with a reason", stored, cache.OutcomeChanged)
		}
		return
	}
}

// While the storage hangs, results of any size are accepted, and retrieves do not wait
// for them.
func TestStoreWhileTheStorageHangs(t *testing.T) {
	for name, size := range map[string]int{"small": 1, "large": 5 << 20} {
		t.Run(name, func(t *testing.T) {
			const many = 20
			blobs := newGatedPuts()
			c := startWith(t, blobs)
			for i := range many {
				hash := fmt.Sprint(i)
				var got rpc.StoreResult
				c.call("store", storeParams(hash, newResult(t, hash, cachetest.Noise(1, size))), &got)
				if got != (rpc.StoreResult{Queued: true}) {
					t.Fatalf("got %+v, want it queued", got)
				}
			}
			c.call("retrieve", retrieveParams("404", t.TempDir()), nil)
			if got := len(c.stored); got != 0 {
				t.Errorf("got %d entries with a known outcome, want none", got)
			}
			close(blobs.gate)
			for range many {
				if got := <-c.stored; got.Outcome != cache.OutcomeStored || got.Bytes < int64(size) {
					t.Errorf("got %+v, want it stored", got)
				}
			}
		})
	}
}

// serveFor starts an initialized server that stores for a minute after the end.
func serveFor(ctx context.Context, t *testing.T, blobs cache.Blobs) *client {
	c := startContext(ctx, t, session(rpc.Session{Cache: newCache(blobs), Mode: cache.ReadWrite, Drain: time.Minute, Silence: time.Hour}))
	c.initialize()
	return c
}

func checkNothingLeft(t *testing.T, cacheDirectory string) {
	t.Helper()
	if _, err := os.Lstat(filepath.Join(cacheDirectory, ".nx-azure-cache")); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing left in %s", err, cacheDirectory)
	}
}

func TestEndWithUploads(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(c *client, stop context.CancelFunc, blobs *gatedPuts)
		stored int
		after  time.Duration
	}{
		"of the stream, with time to store": {func(c *client, _ context.CancelFunc, blobs *gatedPuts) {
			c.Close()
			time.Sleep(59 * time.Second)
			close(blobs.gate)
		}, 6, 59 * time.Second},
		"of the stream, without time to store": {func(c *client, _ context.CancelFunc, _ *gatedPuts) { c.Close() }, 0, time.Minute},
		"by a signal":                          {func(_ *client, stop context.CancelFunc, _ *gatedPuts) { stop() }, 0, 0},
		"of the stream, then by a signal": {func(c *client, stop context.CancelFunc, _ *gatedPuts) {
			c.Close()
			time.Sleep(10 * time.Second)
			stop()
		}, 0, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for i := range 6 { // more than are packed at once
				write(t, filepath.Join(dir, fmt.Sprint(i), "a"), "hello")
			}
			synctest.Test(t, func(t *testing.T) {
				blobs := newGatedPuts()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				c := serveFor(ctx, t, blobs)
				for i := range 6 {
					c.call("store", storeParams(fmt.Sprint(i), dir), nil)
				}
				begin := time.Now()
				test.end(c, stop, blobs)
				if err := <-c.served; err != nil {
					t.Errorf("got %v, want nil", err)
				}
				if took := time.Since(begin); took != test.after {
					t.Errorf("it took %s, want %s", took, test.after)
				}
				if got := len(blobs.Names()); got != test.stored {
					t.Errorf("got %d stored, want %d", got, test.stored)
				}
			})
			checkNothingLeft(t, dir)
		})
	}
}

// shutdown waits for the uploads, and reports their outcomes before its response.
func TestShutdownWaitsForUploads(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		write(t, filepath.Join(dir, fmt.Sprint(i), "a"), "hello")
	}
	for name, test := range map[string]struct {
		open   bool // the gate
		after  time.Duration
		stored int64
	}{"that end": {true, 30 * time.Second, 6}, "that do not": {false, time.Minute, 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blobs := newGatedPuts()
				c := serveFor(t.Context(), t, blobs)
				for i := range 6 {
					c.call("store", storeParams(fmt.Sprint(i), dir), nil)
				}
				if test.open {
					time.AfterFunc(30*time.Second, func() { close(blobs.gate) })
				}
				begin := time.Now()
				var summary cache.Summary
				c.call("shutdown", nil, &summary)
				if took := time.Since(begin); took != test.after || summary.Stored != test.stored {
					t.Errorf("got %+v after %s, want %d stored after %s", summary, took, test.stored, test.after)
				}
				var notified int64
				var last message // except for the tick at the moment when the wait ends
				for _, m := range parse(t, c.output.bytes()) {
					if m.Method == "stored" {
						notified++
					}
					if m.Method != "progress" {
						last = m
					}
				}
				if notified != test.stored || last.Result == nil {
					t.Errorf("got %d notifications, then %+v; want %d, then the response", notified, last, test.stored)
				}
				c.Close()
				if err := <-c.served; err != nil {
					t.Error(err)
				}
			})
			checkNothingLeft(t, dir)
		})
	}
}

// The server sends progress every second while a request waits, as long as the time
// limits of requests allow such a wait.
func TestProgress(t *testing.T) {
	dir := newResult(t, "1", "hello")
	synctest.Test(t, func(t *testing.T) {
		puts, gets := newGatedPuts(), newGate(new(cachetest.Memory))
		blobs := struct{ cache.Blobs }{hooked{Blobs: puts, get: gets.Get}}
		c := startContext(t.Context(), t, session(rpc.Session{Cache: newCache(blobs), Drain: time.Minute, Silence: 10 * time.Second}))
		c.initialize()
		count := func(d time.Duration) (n int) {
			before := len(parse(t, c.output.bytes()))
			time.Sleep(d)
			synctest.Wait()
			for _, m := range parse(t, c.output.bytes())[before:] {
				if m.Method == "progress" {
					n++
				}
			}
			return n
		}
		time.Sleep(100 * time.Millisecond) // between two ticks
		if got := count(10 * time.Second); got != 0 {
			t.Errorf("got %d without work, want none", got)
		}
		c.call("store", storeParams("1", dir), nil)
		if got := count(10 * time.Second); got != 0 {
			t.Errorf("got %d while no request waits, want none", got)
		}
		waiter := c.dispatch(jsonrpc2.ID{Num: 100}, "retrieve", retrieveParams("1", t.TempDir()))
		arrived := <-gets.arrived
		if got := count(10 * time.Second); got != 10 {
			t.Errorf("got %d in 10 s while a request waits, want 10", got)
		}
		if got := count(20 * time.Second); got > 1 {
			t.Errorf("got %d after a longer wait than the limits allow, want none", got)
		}
		close(puts.gate) // bytes move again
		if got := count(5 * time.Second); got != 5 {
			t.Errorf("got %d in 5 s when bytes have moved, want 5", got)
		}
		close(arrived.pass)
		if err := waiter.Wait(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if got := count(10 * time.Second); got != 0 {
			t.Errorf("got %d after the response, want none", got)
		}
		c.Close()
		<-c.served
	})
}

// A hanging file system delays the end of a server by some seconds.
func TestHandlerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := serveFor(t.Context(), t, hooked{get: func(context.Context, string) (*cache.Blob, error) {
			<-release // regardless of the context
			return nil, cache.ErrNotFound
		}})
		c.dispatch(jsonrpc2.ID{Num: 100}, "retrieve", retrieveParams("1", t.TempDir()))
		synctest.Wait()
		begin := time.Now()
		c.Close()
		err := <-c.served
		if took := time.Since(begin); err == nil || !strings.Contains(err.Error(), "hangs") || took != time.Minute+5*time.Second {
			t.Errorf("got %v after %s, want an error 5 s after the time is over", err, took)
		}
		close(release)
	})
}
