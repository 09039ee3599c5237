package rpc_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// FuzzParams sends requests with any params: each gets one answer, a result or
// an error. The cache is off, so that nothing is written anywhere.
func FuzzParams(f *testing.F) {
	for _, seed := range []struct{ method, params string }{
		{"initialize", `{"protocolVersion":1,"clientVersion":"1.2.3","processId":1,"workspaceRoot":"/w","nxVersion":"24.0.6","ci":true,"config":{"container":"c"}}`},
		{"initialize", `{"protocolVersion":2}`},
		{"retrieve", `{"hash":"1","cacheDirectory":"/c"}`},
		{"retrieve", `{"hash":"../1","cacheDirectory":"c"}`},
		{"store", `{"hash":"1","cacheDirectory":"/c","code":0,"terminalOutput":"done"}`},
		{"store", `{"hash":"1","cacheDirectory":"/c","code":1,"terminalOutputPath":"/t"}`},
		{"store", `{"hash":"1","cacheDirectory":"/c","code":1e400,"terminalOutput":null}`},
		{"shutdown", `null`},
		{"shutdown", `[[[{}]]]`},
		{"$/cancelRequest", `{"id":1}`},
		{"", `"\ud800"`},
	} {
		f.Add(seed.method, seed.params)
	}
	f.Fuzz(func(t *testing.T, method, params string) {
		if !json.Valid([]byte(params)) || !utf8.ValidString(method) {
			t.Skip("not a request")
		}
		s := startRaw(t, session(rpc.Session{Reason: "off"}))
		s.send("a", method, json.RawMessage(params))
		if got := s.receive(); string(got.ID) != `"a"` || (got.Result == nil) == (got.Error == nil) {
			t.Errorf("got %+v, want one answer", got)
		}
		s.send(nil, method, json.RawMessage(params)) // a notification has none
		s.send("b", "shutdown", nil)
		if got := s.receive(); string(got.ID) != `"b"` {
			t.Errorf("got %+v, want the answer to the next request", got)
		}
	})
}

// FuzzServe sends any bytes: Serve returns, and has written nothing but
// messages.
func FuzzServe(f *testing.F) {
	request := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, seed := range []string{
		"",
		"hello\r\nworld",
		frame(request),
		frame(request) + frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`),
		frame(`{"jsonrpc":"2.0","id":-1,"method":"shutdown"}`),
		frame(`{"jsonrpc":"2.0","id":1,"result":null}`),
		frame(`[` + request + `]`),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 1<<31, request),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newScript(string(data))
		_ = rpc.Serve(t.Context(), s, session(rpc.Session{Reason: "off"})) // an error is fine
		parse(t, s.bytes())
	})
}
