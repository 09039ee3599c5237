package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// TestCodes provokes each error that doc.go lists.
func TestCodes(t *testing.T) {
	// retrieve requests a result from a cache in blobs.
	retrieve := func(t *testing.T, blobs cache.Blobs) *jsonrpc2.Error {
		return startWith(t, blobs).fail("retrieve", retrieveParams("1", t.TempDir()))
	}
	provoke := map[int64]func(*testing.T) *jsonrpc2.Error{
		-32600: func(t *testing.T) *jsonrpc2.Error {
			c := startWith(t, new(cachetest.Memory))
			c.call("shutdown", nil, nil)
			return c.fail("retrieve", retrieveParams("1", t.TempDir()))
		},
		-32601: func(t *testing.T) *jsonrpc2.Error {
			return startWith(t, new(cachetest.Memory)).fail("textDocument/hover", object{})
		},
		-32602: func(t *testing.T) *jsonrpc2.Error {
			return startWith(t, new(cachetest.Memory)).fail("retrieve", nil)
		},
		-32603: func(t *testing.T) *jsonrpc2.Error {
			return retrieve(t, hooked{get: func(context.Context, string) (*cache.Blob, error) { panic("oops") }})
		},
		-32002: func(t *testing.T) *jsonrpc2.Error {
			return start(t, session(rpc.Session{})).fail("retrieve", retrieveParams("1", t.TempDir()))
		},
		-32800: func(t *testing.T) *jsonrpc2.Error { return retrieve(t, failing(context.Canceled)) },
		1:      func(t *testing.T) *jsonrpc2.Error { return retrieve(t, failing(errors.New("connection refused"))) },
		2: func(t *testing.T) *jsonrpc2.Error {
			return retrieve(t, failing(&cache.ConfigError{Err: errors.New("the container does not exist")}))
		},
		3: func(t *testing.T) *jsonrpc2.Error {
			return retrieve(t, hooked{get: func(context.Context, string) (*cache.Blob, error) {
				return &cache.Blob{Body: io.NopCloser(strings.NewReader("junk")), Size: 4}, nil
			}})
		},
		4: func(t *testing.T) *jsonrpc2.Error {
			c := start(t, session(rpc.Session{Reason: "no license found"}))
			c.initialize()
			return c.fail("retrieve", retrieveParams("1", t.TempDir()))
		},
		5: func(t *testing.T) *jsonrpc2.Error {
			dir := t.TempDir()
			write(t, filepath.Join(dir, ".nx-azure-cache"), "a file")
			return startWith(t, new(cachetest.Memory)).fail("retrieve", retrieveParams("1", dir))
		},
	}
	for code, provoke := range provoke {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			if got := provoke(t); got.Code != code {
				t.Errorf("got %v, want the code %d", got, code)
			}
		})
	}
	got, want := slices.Sorted(maps.Keys(provoke)), documentedCodes(t)
	if !slices.Equal(got, want) {
		t.Errorf("the codes provoked here are %v, those in doc.go %v", got, want)
	}
}

// The messages of the cache's errors reach the client, which shows them.
func TestMessages(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		code int64
		want string
	}{
		"of a failing storage":            {errors.New("connection refused"), 1, "connection refused"},
		"of several failures":             {errors.Join(errors.New("first"), errors.New("second")), 1, "first; second"},
		"of an expired limit":             {context.DeadlineExceeded, 1, "deadline"},
		"of a wrong setting":              {&cache.ConfigError{Err: errors.New("create it")}, 2, "create it"},
		"of a wrapped wrong setting":      {fmt.Errorf("get: %w", &cache.ConfigError{Err: errors.New("create it")}), 2, "create it"},
		"of a damaged entry":              {fmt.Errorf("%w: cut short", cache.ErrDamaged), 3, "cut short"},
		"of a wrapped error of the wire":  {fmt.Errorf("get: %w", &jsonrpc2.Error{Code: 4711, Message: "hello"}), 4711, "hello"},
		"of an error of the wire, joined": {errors.Join(errors.New("a"), &jsonrpc2.Error{Code: 4711, Message: "hello"}), 4711, "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			got := startWith(t, failing(test.err)).fail("retrieve", retrieveParams("1", t.TempDir()))
			if got.Code != test.code || !strings.Contains(got.Message, test.want) {
				t.Errorf("got %v, want the code %d and %q", got, test.code, test.want)
			}
		})
	}
}

func TestInvalidParams(t *testing.T) {
	dir := t.TempDir()
	initialize, retrieve, store := initializeParams(t), retrieveParams("1", dir), storeParams("1", dir)
	for name, test := range map[string]struct {
		method string
		params any
		want   string
	}{
		"initialize without params":          {"initialize", nil, "protocolVersion"},
		"another version of the protocol":    {"initialize", initialize.with("protocolVersion", 2), "protocolVersion is 2; this binary speaks 1"},
		"no version of the protocol":         {"initialize", initialize.with("protocolVersion", missing), "protocolVersion"},
		"a relative workspaceRoot":           {"initialize", initialize.with("workspaceRoot", "src"), `workspaceRoot is "src"`},
		"no workspaceRoot":                   {"initialize", initialize.with("workspaceRoot", missing), "workspaceRoot"},
		"a string for ci":                    {"initialize", initialize.with("ci", "true"), "ci"},
		"a string for processId":             {"initialize", initialize.with("processId", "1"), "processId"},
		"retrieve without params":            {"retrieve", nil, "hash"},
		"retrieve with params null":          {"retrieve", jsonNull, "hash"},
		"retrieve with params by position":   {"retrieve", []string{"1", dir}, "array"},
		"no hash":                            {"retrieve", retrieve.with("hash", missing), "hash"},
		"an empty hash":                      {"retrieve", retrieve.with("hash", ""), "hash"},
		"a hash with ..":                     {"retrieve", retrieve.with("hash", "../1"), "hash"},
		"a hash that is a path":              {"retrieve", retrieve.with("hash", "a/b"), "hash"},
		"a hash of two lines":                {"retrieve", retrieve.with("hash", "1\n"), "hash"},
		"a number for the hash":              {"retrieve", retrieve.with("hash", 1), "hash"},
		"a relative cacheDirectory":          {"retrieve", retrieve.with("cacheDirectory", ".nx/cache"), `cacheDirectory is ".nx/cache"`},
		"no cacheDirectory":                  {"retrieve", retrieve.with("cacheDirectory", missing), "cacheDirectory"},
		"an unknown field of retrieve":       {"retrieve", retrieve.with("dir", dir), `"dir"`},
		"two problems":                       {"retrieve", object{}, "cacheDirectory"},
		"store without params":               {"store", nil, "hash"},
		"store with an invalid hash":         {"store", store.with("hash", "../1"), "hash"},
		"store in a relative cacheDirectory": {"store", store.with("cacheDirectory", "."), "cacheDirectory"},
		"no code":                            {"store", store.with("code", missing), "code is missing"},
		"a code that is null":                {"store", store.with("code", nil), "code is missing"},
		"a string for the code":              {"store", store.with("code", "0"), "code"},
		"a fraction for the code":            {"store", store.with("code", 0.5), "code"},
		"no terminal output":                 {"store", store.with("terminalOutput", missing), "terminalOutputPath"},
		"a terminal output that is null":     {"store", store.with("terminalOutput", nil), "terminalOutputPath"},
		"both terminal outputs":              {"store", store.with("terminalOutputPath", dir), "exactly one"},
		"a relative terminalOutputPath":      {"store", store.with("terminalOutput", missing).with("terminalOutputPath", "out"), "terminalOutputPath"},
		"an unknown field of store":          {"store", store.with("size", 1), `"size"`},
		"a number for the terminal output":   {"store", store.with("terminalOutput", 1), "terminalOutput"},
		"a list for the terminal output":     {"store", store.with("terminalOutput", []string{"x"}), "terminalOutput"},
		"an unknown kind of terminal output": {"store", store.with("terminalOutput", object{}), "terminalOutput"},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, session(rpc.Session{Cache: newCache(new(cachetest.Memory))}))
			if test.method != "initialize" {
				c.initialize()
			}
			got := c.fail(test.method, test.params)
			if got.Code != jsonrpc2.CodeInvalidParams || !strings.Contains(got.Message, test.want) {
				t.Errorf("got %v, want the code %d and %q", got, jsonrpc2.CodeInvalidParams, test.want)
			}
		})
	}
}

func TestPanicFailsOneRequest(t *testing.T) {
	dir := newResult(t, "1", "hello")
	blobs := new(cachetest.Memory)
	fill(t, blobs, "1", dir, 0, "")
	gate := newGate(blobs)
	var log buffer
	c := startContext(zerolog.New(&log).WithContext(t.Context()), t, session(rpc.Session{
		Cache: newCache(hooked{get: func(ctx context.Context, name string) (*cache.Blob, error) {
			if strings.HasSuffix(name, "/666") {
				panic("oops")
			}
			return gate.Get(ctx, name)
		}}),
	}))
	c.initialize()

	other := c.dispatch(jsonrpc2.ID{Num: 100}, "retrieve", retrieveParams("1", t.TempDir()))
	arrived := <-gate.arrived
	for range 20 { // more than there are slots
		if got := c.fail("retrieve", retrieveParams("666", dir)); got.Code != jsonrpc2.CodeInternalError {
			t.Fatalf("got %v, want the code %d", got, jsonrpc2.CodeInternalError)
		}
	}
	close(arrived.pass)
	if err := other.Wait(t.Context(), nil); err != nil {
		t.Errorf("the other request: %v", err)
	}
	if text := string(log.bytes()); !strings.Contains(text, `"level":"error"`) || !strings.Contains(text, "errors_test.go") {
		t.Errorf("got the log %q, want an error with its stack", text)
	}
}

// Long strings of a client are truncated, so no message is too long to read.
func TestLongParams(t *testing.T) {
	dir := t.TempDir()
	for name, long := range map[string]string{"plain": strings.Repeat("x", 10_000), "escaped characters": strings.Repeat("\u202e", 10_000)} {
		retrieve, store, task := retrieveParams("1", dir), storeParams("1", dir), object{"project": "p", "target": "t"}
		for _, test := range []struct {
			method string
			params any
		}{
			{long, nil},
			{"initialize", initializeParams(t).with("workspaceRoot", long)},
			{"retrieve", retrieve.with("hash", long)},
			{"retrieve", retrieve.with("cacheDirectory", long)},
			{"store", store.with("cacheDirectory", "/"+long)},
			{"retrieve", retrieve.with(long, 1)},
			{"retrieve", retrieve.with("task", object{long: 1})},
			{"retrieve", retrieve.with("hash", long).with("cacheDirectory", long)},
			{"store", store.with("hash", long)},
			{"store", store.with("terminalOutput", missing).with("terminalOutputPath", long)},
			{"store", store.with("hash", long).with("cacheDirectory", long).with("terminalOutput", missing).with("terminalOutputPath", long)},
			{"store", store.with("code", long)},
			{"store", store.with("task", task.with("configuration", object{long: long}))},
		} {
			c := start(t, session(rpc.Session{Cache: newCache(new(cachetest.Memory))}))
			if test.method != "initialize" {
				c.initialize()
			}
			got := c.fail(test.method, test.params)
			if len(got.Message) > 1000 || got.Message == "" {
				t.Errorf("%s: %.20s with %.60v: got %d bytes: %.200s", name, test.method, test.params, len(got.Message), got.Message)
			}
		}
	}
}
