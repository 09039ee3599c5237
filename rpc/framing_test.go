package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// raw is a connection to a server, without a client.
type raw struct {
	t      testing.TB
	stream net.Conn
	in     *bufio.Reader
}

func startRaw(t testing.TB, options rpc.Options) *raw {
	ours, theirs := net.Pipe()
	served := make(chan error)
	go func() { served <- rpc.Serve(t.Context(), theirs, options) }()
	t.TempDir() // as in startOn
	t.Cleanup(func() {
		ours.Close()
		<-served
	})
	return &raw{t, ours, bufio.NewReader(ours)}
}

// send sends a request, or with the id nil a notification.
func (r *raw) send(id any, method string, params any) {
	r.t.Helper()
	m := object{"jsonrpc": "2.0", "method": method}
	if id != nil {
		m["id"] = id
	}
	if params != nil {
		m["params"] = params
	}
	text, err := json.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(r.stream, frame(string(text))); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) receive() (m message) {
	r.t.Helper()
	if err := (jsonrpc2.VSCodeObjectCodec{}).ReadObject(r.in, &m); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func frame(text string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text)
}

// script is a stream whose client sends everything at once and closes.
type script struct {
	io.Reader
	buffer
	closed int
}

func newScript(text string) *script { return &script{Reader: strings.NewReader(text)} }

func (s *script) Close() error {
	s.closed++
	return nil
}

func TestEndOfStream(t *testing.T) {
	ping := frame(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	notification := frame(`{"jsonrpc":"2.0","method":"$/setTrace","params":{"value":"off"}}`)
	for name, text := range map[string]string{
		"nothing":                           "",
		"after a request":                   ping,
		"after several":                     ping + ping + ping,
		"after notifications":               notification + notification,
		"after an unexpected response":      frame(`{"jsonrpc":"2.0","id":1,"result":null}`),
		"after another header":              "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" + ping,
		"after a request and white space":   frame(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + " \r\n\t"),
		"after a request in another layout": frame("{\n  \"id\": 1,\n  \"method\": \"ping\"\n}"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(text)
			if err := rpc.Serve(t.Context(), s, session(rpc.Session{})); err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if s.closed != 1 {
				t.Errorf("the stream was closed %d times, want once", s.closed)
			}
			parse(t, s.bytes())
		})
	}
}

func TestJunk(t *testing.T) {
	request := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for name, text := range map[string]string{
		"words":                                 "Usage: nx-azure-cache",
		"words in lines":                        "hello\nworld\n",
		"words with Windows line ends":          "hello\r\nworld\r\n",
		"a message without header":              request + "\n",
		"a header without value":                "Content-Length: \r\n\r\n" + request,
		"a header in lower case":                strings.ToLower(frame(request)),
		"a header without space":                strings.Replace(frame(request), ": ", ":", 1),
		"a header with another ending":          strings.ReplaceAll(frame(request), "\r", ""),
		"half a header":                         "Content-Le",
		"a header and no message":               "Content-Length: 40\r\n\r\n",
		"no length":                             "Content-Type: text\r\n\r\n" + request,
		"a length of 0":                         "Content-Length: 0\r\n\r\n",
		"a negative length":                     "Content-Length: -1\r\n\r\n" + request,
		"a length that is not a number":         "Content-Length: x\r\n\r\n" + request,
		"a length beyond 4 GiB":                 "Content-Length: 4294967296\r\n\r\n" + request,
		"a length that is too small":            "Content-Length: 10\r\n\r\n" + request,
		"a length that is too large":            "Content-Length: 50\r\n\r\n" + request + frame(request),
		"a length beyond the end":               "Content-Length: 500\r\n\r\n" + request,
		"a length beyond the limit":             "Content-Length: 1073741825\r\n\r\n" + request,
		"a line that is too long":               strings.Repeat("x", 10_000),
		"two JSON values in a message":          frame(request + request),
		"words after the JSON value":            frame(request + " hello"),
		"white space":                           frame("   "),
		"not JSON":                              frame("hello"),
		"a number":                              frame("5"),
		"an empty object":                       frame("{}"),
		"a request that is also a response":     frame(`{"id":1,"method":"ping","result":null}`),
		"a method that is not a string":         frame(`{"id":1,"method":5}`),
		"an id that is an object":               frame(`{"id":{},"method":"ping"}`),
		"an id that is a fraction":              frame(`{"id":1.5,"method":"ping"}`),
		"a batch":                               frame("[" + request + "," + request + "]"),
		"an empty batch":                        frame("[]"),
		"NUL bytes":                             strings.Repeat("\x00", 100),
		"a valid message, then words":           frame(request) + "hello",
		"a valid message, then a truncated one": frame(request) + frame(request)[:30],
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(text)
			err := rpc.Serve(t.Context(), s, session(rpc.Session{}))
			if err == nil || !strings.HasPrefix(err.Error(), "protocol: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want an error of the protocol on one line", err)
			}
			if s.closed != 1 {
				t.Errorf("the stream was closed %d times, want once", s.closed)
			}
			parse(t, s.bytes())
		})
	}
}

func TestFailedRead(t *testing.T) {
	failed := errors.New("input/output error")
	s := &script{Reader: io.MultiReader(strings.NewReader("Content"), failingReader{failed})}
	if err := rpc.Serve(t.Context(), s, rpc.Options{}); !errors.Is(err, failed) {
		t.Errorf("got %v, want %v", err, failed)
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// Messages may arrive in pieces of any size.
func TestBytewise(t *testing.T) {
	s := startRaw(t, session(rpc.Session{Reason: "because of ä, €, 𝄞"}))
	text, err := json.Marshal(object{"jsonrpc": "2.0", "id": "größer", "method": "initialize", "params": initializeParams(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []byte(frame(string(text))) {
		if _, err := s.stream.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.receive(); string(got.ID) != `"größer"` || !bytes.Contains(got.Result, []byte("because of ä, €, 𝄞")) {
		t.Errorf("got %s for %s, want the result for the id in the request", got.Result, got.ID)
	}
}

// The example in doc.go works as printed.
func TestExampleOfTheDocumentation(t *testing.T) {
	_, text, found := strings.Cut(documentation(t), "//\tContent-Length: ")
	if !found {
		t.Fatal("doc.go has no example")
	}
	text, _, _ = strings.Cut(text, "//\n")
	text = "Content-Length: " + strings.NewReplacer("//\t", "", "\n", "", `\r\n`, "\r\n").Replace(text)

	s := newScript(text)
	if err := rpc.Serve(context.Background(), s, session(rpc.Session{})); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

func documentation(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
