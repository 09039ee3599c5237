package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// client is a client of a server, connected by net.Pipe.
type client struct {
	*jsonrpc2.Conn
	t      testing.TB
	output *buffer    // all bytes that the server has written
	served chan error // the result of Serve, once
	ended  chan struct{}
	stored chan rpc.StoredParams
	logged chan rpc.LogParams
}

// start serves options until the end of the test.
func start(t testing.TB, options rpc.Options) *client {
	return startContext(t.Context(), t, options)
}

func startContext(ctx context.Context, t testing.TB, options rpc.Options) *client {
	t.Helper()
	return startOn(ctx, t, options, func(stream io.ReadWriteCloser) io.ReadWriteCloser { return stream })
}

// startOn serves options on a stream that wrap makes from the server's end.
func startOn(ctx context.Context, t testing.TB, options rpc.Options, wrap func(io.ReadWriteCloser) io.ReadWriteCloser) *client {
	t.Helper()
	ours, theirs := net.Pipe()
	c := &client{
		t: t, output: new(buffer), served: make(chan error, 1), ended: make(chan struct{}),
		stored: make(chan rpc.StoredParams, 10_000), logged: make(chan rpc.LogParams, 10_000),
	}
	go func() {
		defer close(c.ended)
		c.served <- rpc.Serve(ctx, wrap(theirs), options)
	}()
	// Not ctx, because the client must see what the server does at its end.
	c.Conn = jsonrpc2.NewConn(context.Background(),
		jsonrpc2.NewBufferedStream(tee{ours, c.output}, jsonrpc2.VSCodeObjectCodec{}), c, jsonrpc2.SetLogger(silent{}))
	t.TempDir() // the first one registers the removal of all, which must come after the server's end
	t.Cleanup(func() {
		c.Close() // perhaps again
		<-c.ended // and has removed its folders
		parse(t, c.output.bytes())
	})
	return c
}

// startWith serves an initialized session whose cache is in blobs.
func startWith(t testing.TB, blobs cache.Blobs) *client {
	t.Helper()
	c := start(t, session(rpc.Session{Cache: newCache(blobs), Mode: cache.ReadWrite, Drain: time.Minute}))
	c.initialize()
	return c
}

// Handle receives the server's notifications.
func (c *client) Handle(_ context.Context, _ *jsonrpc2.Conn, req *jsonrpc2.Request) {
	switch req.Method {
	case "stored":
		c.stored <- paramsOf[rpc.StoredParams](c.t, req)
	case "log":
		c.logged <- paramsOf[rpc.LogParams](c.t, req)
	}
}

func paramsOf[T any](t testing.TB, req *jsonrpc2.Request) (params T) {
	if err := json.Unmarshal(*req.Params, &params); err != nil {
		t.Errorf("%s: got %s: %v", req.Method, *req.Params, err)
	}
	return params
}

func session(s rpc.Session) rpc.Options {
	return rpc.Options{Version: "1.2.3", Open: func(rpc.InitializeParams) rpc.Session { return s }}
}

// newCache returns a cache, which the server must close.
func newCache(blobs cache.Blobs) *cache.Cache {
	return cache.New(cachetest.Shared(blobs, cache.ReadWrite))
}

// store stores a result and returns the outcome.
func (c *client) store(params any) rpc.StoredParams {
	c.t.Helper()
	var got rpc.StoreResult
	c.call("store", params, &got)
	if want := (rpc.StoreResult{Queued: true}); got != want {
		c.t.Fatalf("store: got %+v, want %+v", got, want)
	}
	return <-c.stored
}

// fill stores a result without a server.
func fill(t testing.TB, blobs cache.Blobs, hash, cacheDirectory string, code int, output string) {
	t.Helper()
	c := newCache(blobs)
	stored, reason, err := cachetest.Store(t.Context(), c, hash, cacheDirectory, code, cache.TerminalOutput{Text: output})
	if err != nil || stored.Outcome != cache.OutcomeStored {
		t.Fatalf("store %s: got %+v %q, %v", hash, stored, reason, err)
	}
	c.Close(t.Context())
}

// end closes the stream and returns what Serve returned.
func (c *client) end() error {
	c.Close()
	return <-c.served
}

// call expects a result.
func (c *client) call(method string, params, result any) {
	c.t.Helper()
	if err := c.Call(c.t.Context(), method, params, result); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// fail expects an error and returns it.
func (c *client) fail(method string, params any) *jsonrpc2.Error {
	c.t.Helper()
	var result json.RawMessage
	err := c.Call(c.t.Context(), method, params, &result)
	if err == nil {
		c.t.Fatalf("%s: got the result %s, want an error", method, result)
	}
	return wireError(c.t, err)
}

func (c *client) initialize() (result rpc.InitializeResult) {
	c.t.Helper()
	c.call("initialize", initializeParams(c.t), &result)
	return result
}

// dispatch sends a request with a new id and does not wait for the response.
func (c *client) dispatch(id jsonrpc2.ID, method string, params any) jsonrpc2.Waiter {
	c.t.Helper()
	waiter, err := c.DispatchCall(c.t.Context(), method, params, jsonrpc2.PickID(id))
	if err != nil {
		c.t.Fatal(err)
	}
	return waiter
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	if err := c.Notify(c.t.Context(), method, params); err != nil {
		c.t.Fatal(err)
	}
}

func wireError(t testing.TB, err error) *jsonrpc2.Error {
	t.Helper()
	wire, ok := err.(*jsonrpc2.Error)
	if !ok {
		t.Fatalf("got %v (%T), want a response with an error", err, err)
	}
	if strings.ContainsAny(wire.Message, "\r\n") || wire.Message == "" {
		t.Errorf("the message is %q, want one line", wire.Message)
	}
	return wire
}

// object holds params as a client in another language would write them.
type object map[string]any

// with returns a copy with a changed field. The value [missing] removes the field.
func (o object) with(name string, value any) object {
	changed := object{name: value}
	for n, v := range o {
		if n != name {
			changed[n] = v
		}
	}
	if value == missing {
		delete(changed, name)
	}
	return changed
}

var missing any = new(byte)

func initializeParams(t testing.TB) object {
	return object{
		"protocolVersion": 1,
		"clientVersion":   "1.2.3",
		"processId":       4711,
		"workspaceRoot":   t.TempDir(),
		"nxVersion":       "24.0.6",
		"ci":              true,
		"config":          object{"container": "nx-cache"},
	}
}

func retrieveParams(hash, cacheDirectory string) object {
	return object{"hash": hash, "cacheDirectory": cacheDirectory}
}

func storeParams(hash, cacheDirectory string) object {
	return object{"hash": hash, "cacheDirectory": cacheDirectory, "code": 0, "terminalOutput": "done\n"}
}

// silent logs nothing.
type silent struct{}

func (silent) Printf(string, ...any) {}

// tee copies the bytes read.
type tee struct {
	io.ReadWriteCloser
	copy io.Writer
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.copy.Write(p[:n]) // never fails
	return n, err
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.data.Bytes())
}

// message is a message of the server, as sent on the wire.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *jsonrpc2.Error `json:"error"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// parse fails unless output contains only messages of the protocol.
func parse(t testing.TB, output []byte) []message {
	t.Helper()
	var messages []message
	for len(output) > 0 {
		header, rest, ok := bytes.Cut(output, []byte("\r\n\r\n"))
		text, isLength := strings.CutPrefix(string(header), "Content-Length: ")
		length, err := strconv.Atoi(text)
		if !ok || !isLength || err != nil || length > len(rest) {
			t.Fatalf("got %.200q on the stream, want a complete message", output)
		}
		var m message
		decoder := json.NewDecoder(bytes.NewReader(rest[:length]))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&m); err != nil {
			t.Fatalf("got %.200q on the stream: %v", rest[:length], err)
		}
		kinds := 0
		for _, is := range []bool{m.Result != nil && m.ID != nil, m.Error != nil && m.ID != nil, m.Method != "" && m.ID == nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || m.Version != "2.0" {
			t.Fatalf("got %s, want a result, an error or a notification of JSON-RPC 2.0", rest[:length])
		}
		messages = append(messages, m)
		output = rest[length:]
	}
	return messages
}

// hooked is blobs with another Get or Put.
type hooked struct {
	cache.Blobs
	get func(ctx context.Context, name string) (*cache.Blob, error)
	put func(ctx context.Context, name string) error // nil means continue
}

func (h hooked) Get(ctx context.Context, name string) (*cache.Blob, error) {
	if h.get == nil {
		return h.Blobs.Get(ctx, name)
	}
	return h.get(ctx, name)
}

func (h hooked) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	if h.put != nil {
		if err := h.put(ctx, name); err != nil {
			return err
		}
	}
	return h.Blobs.Put(ctx, name, body, metadata)
}

// gatedPuts is blobs in memory whose Puts wait until the gate is opened.
type gatedPuts struct {
	*cachetest.Memory
	arrived chan string // hashes
	gate    chan struct{}
}

func newGatedPuts() *gatedPuts {
	return &gatedPuts{Memory: new(cachetest.Memory), arrived: make(chan string, 1000), gate: make(chan struct{})}
}

func (g *gatedPuts) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	g.arrived <- filepath.Base(name)
	select {
	case <-g.gate:
		return g.Memory.Put(ctx, name, body, metadata)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// failing is blobs whose Get returns err.
func failing(err error) cache.Blobs {
	return hooked{get: func(context.Context, string) (*cache.Blob, error) { return nil, err }}
}

// gate is blobs whose Gets wait for the test.
type gate struct {
	cache.Blobs
	arrived chan arrival
}

type arrival struct {
	hash string
	pass chan<- struct{} // lets the Get continue
}

func newGate(blobs cache.Blobs) gate { return gate{blobs, make(chan arrival)} }

func (g gate) Get(ctx context.Context, name string) (*cache.Blob, error) {
	pass := make(chan struct{})
	select {
	case g.arrived <- arrival{filepath.Base(name), pass}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-pass:
		return g.Blobs.Get(ctx, name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
