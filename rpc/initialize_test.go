package rpc_test

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

func TestInitialize(t *testing.T) {
	var seen []rpc.InitializeParams
	license := rpc.LicenseResult{Status: "valid", Organization: "Example GmbH", ExpiresAt: "2126-01-01T00:00:00Z"}
	served := newCache(new(cachetest.Memory))
	c := start(t, rpc.Options{Version: "1.2.3", Open: func(p rpc.InitializeParams) rpc.Session {
		seen = append(seen, p)
		return rpc.Session{
			Cache:    served,
			Mode:     cache.ReadOnly,
			Scope:    "shared",
			Location: "https://account/container",
			Drain:    1500 * time.Millisecond,
			Records:  new(rpc.Records),
			License:  license,
			Warnings: []diagnostic.Message{{Text: "first"}, {Text: "second"}},
		}
	}})
	params := initializeParams(t)
	var got rpc.InitializeResult
	c.call("initialize", params, &got)

	want := rpc.InitializeResult{
		ServerVersion: "1.2.3", Enabled: true, Mode: cache.ReadOnly, Scope: "shared",
		Location: "https://account/container", Session: served.Session(), IdleTimeout: 15_000, Drain: 1500, Records: true, License: license,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wantSeen := []rpc.InitializeParams{{
		ProtocolVersion: 1,
		ClientVersion:   "1.2.3",
		ProcessID:       4711,
		WorkspaceRoot:   params["workspaceRoot"].(string),
		NxVersion:       "24.0.6",
		CI:              true,
		Config:          json.RawMessage(`{"container":"nx-cache"}`),
	}}
	if !reflect.DeepEqual(seen, wantSeen) {
		t.Errorf("Open was called with %+v, want %+v", seen, wantSeen)
	}
}

func TestInitializeIgnoresFieldsOfANewerClient(t *testing.T) {
	c := start(t, session(rpc.Session{Reason: "off"}))
	params := initializeParams(t)
	params["color"] = "red"
	var got rpc.InitializeResult
	c.call("initialize", params, &got)
	if got.Reason != "off" {
		t.Errorf("got %+v, want the session's reason", got)
	}
}

// Preparing for the first request does not block, and ends with the session.
func TestWarmBeginsAfterInitialize(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	var answered atomic.Bool
	served := rpc.Session{Cache: newCache(new(cachetest.Memory)), Mode: cache.ReadWrite, Drain: time.Minute}
	served.Warm = func(ctx context.Context) []diagnostic.Message {
		if !answered.Load() {
			t.Error("it begins before the response to initialize")
		}
		close(began)
		<-ctx.Done()
		time.Sleep(10 * time.Millisecond) // it ends slowly
		close(ended)
		return nil
	}
	c := startOn(t.Context(), t, session(served), func(stream io.ReadWriteCloser) io.ReadWriteCloser {
		return writes{stream, func() { answered.Store(true) }}
	})
	c.initialize()
	<-began
	var summary cache.Summary
	c.call("shutdown", nil, &summary) // does not wait
	select {
	case <-ended:
		t.Error("Warm has ended before the session")
	default:
	}
	if err := c.end(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	default:
		t.Error("Serve has returned before Warm")
	}
}

// writes is a stream that reports writes.
type writes struct {
	io.ReadWriteCloser
	wrote func()
}

func (w writes) Write(p []byte) (int, error) {
	n, err := w.ReadWriteCloser.Write(p)
	w.wrote()
	return n, err
}

func TestWarmOfAShortSession(t *testing.T) {
	served := rpc.Session{Cache: newCache(new(cachetest.Memory)), Drain: time.Minute}
	served.Warm = func(ctx context.Context) []diagnostic.Message { <-ctx.Done(); return nil }
	c := start(t, session(served))
	c.dispatch(jsonrpc2.ID{Num: 1}, "initialize", initializeParams(t))
	if err := c.end(); err != nil { // otherwise this hangs
		t.Error(err)
	}
}

// Warnings from the preparation are sent as notifications.
func TestWarmWarns(t *testing.T) {
	served := rpc.Session{Cache: newCache(new(cachetest.Memory)), Mode: cache.ReadWrite, Drain: time.Minute}
	served.Warm = func(context.Context) []diagnostic.Message {
		return []diagnostic.Message{{Code: diagnostic.OtherCredential, Text: "signed in with b, because a failed"}}
	}
	c := start(t, session(served))
	c.initialize()
	if got := <-c.logged; got.Level != "warn" || got.Message != "signed in with b, because a failed" {
		t.Errorf("got %+v, want the line as a warning", got)
	}
}

func TestWarningsComeBeforeTheResult(t *testing.T) {
	c := start(t, session(rpc.Session{Warnings: []diagnostic.Message{{Text: "first"}, {Text: "second"}}}))
	c.initialize()

	var got []string
	for _, m := range parse(t, c.output.bytes()) {
		got = append(got, m.Method+string(m.Params))
	}
	want := []string{
		`log{"level":"warn","message":"first"}`,
		`log{"level":"warn","message":"second"}`,
		"", // the result
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the messages %q, want %q", got, want)
	}
}

func TestConfigMayBeMissing(t *testing.T) {
	for name, test := range map[string]struct {
		config any
		want   string
	}{
		"missing":       {missing, ""},
		"null":          {nil, "null"},
		"not an object": {"DefaultEndpointsProtocol", `"DefaultEndpointsProtocol"`}, // Open reports what is wrong
	} {
		t.Run(name, func(t *testing.T) {
			got := "Open was not called"
			c := start(t, rpc.Options{Open: func(p rpc.InitializeParams) rpc.Session {
				got = string(p.Config)
				return rpc.Session{}
			}})
			c.call("initialize", initializeParams(t).with("config", test.config), nil)
			if got != test.want {
				t.Errorf("got the config %q, want %q", got, test.want)
			}
		})
	}
}

func TestInitializeComesOnce(t *testing.T) {
	opened := 0
	c := start(t, rpc.Options{Open: func(rpc.InitializeParams) rpc.Session {
		opened++
		return rpc.Session{Cache: newCache(new(cachetest.Memory))}
	}})
	c.initialize()
	if got := c.fail("initialize", initializeParams(t)); got.Code != jsonrpc2.CodeInvalidRequest {
		t.Errorf("got %v, want the code %d", got, jsonrpc2.CodeInvalidRequest)
	}
	if opened != 1 {
		t.Errorf("Open was called %d times, want once", opened)
	}
	c.call("retrieve", retrieveParams("1", t.TempDir()), nil) // the first one was successful
}

// A client may retry, for example with another protocol version.
func TestInitializeAfterWrongParams(t *testing.T) {
	c := start(t, session(rpc.Session{}))
	c.fail("initialize", initializeParams(t).with("protocolVersion", 2))
	c.initialize()
}

func TestDisabled(t *testing.T) {
	c := start(t, session(rpc.Session{Reason: "no license found", Mode: cache.ReadWrite, License: rpc.LicenseResult{Status: "absent"}}))
	got := c.initialize()
	want := rpc.InitializeResult{
		ServerVersion: "1.2.3",
		Reason:        "no license found",
		Mode:          cache.ReadWrite,
		License:       rpc.LicenseResult{Status: "absent"},
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	dir := t.TempDir()
	for method, params := range map[string]any{"retrieve": retrieveParams("1", dir), "store": storeParams("1", dir)} {
		if got := c.fail(method, params); got.Code != rpc.CodeDisabled || got.Message != "no license found" {
			t.Errorf("%s: got %v, want the code %d and the reason", method, got, rpc.CodeDisabled)
		}
	}
	var summary cache.Summary
	c.call("shutdown", nil, &summary)
	if summary != (cache.Summary{}) {
		t.Errorf("got the summary %+v, want zeros", summary)
	}
}
