package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// exchange is a stream whose client sends everything at once. A patient client waits for the
// responses before it closes.
type exchange struct {
	io.Reader
	answered chan struct{} // closed when the last response has arrived

	mu     sync.Mutex
	said   bytes.Buffer
	closed bool
}

func newTalk(said io.Reader) *exchange { return &exchange{Reader: said, answered: make(chan struct{})} }

const lastID = `"the last of all"`

// addEnd keeps the stream open until everything has a response.
func (s *exchange) addEnd() {
	end := frame(`{"jsonrpc":"2.0","id":` + lastID + `,"method":"the end"}`)
	shutdown := frame(`{"jsonrpc":"2.0","id":"shutdown","method":"shutdown"}`)
	s.Reader = io.MultiReader(s.Reader, strings.NewReader(shutdown+end), waiting(s.answered))
}

// waiting is a reader that ends when a channel is closed.
type waiting chan struct{}

func (w waiting) Read([]byte) (int, error) {
	<-w
	return 0, io.EOF
}

func (s *exchange) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	s.said.Write(p)
	s.answer(p)
	return len(p), nil
}

// answer ends the wait when everything has a response. shutdown gets the last one, and
// the request that marks the end is rejected before.
func (s *exchange) answer(p []byte) {
	text := s.said.String()
	select {
	case <-s.answered:
	default:
		if strings.Contains(text, `"id":"shutdown"`) && strings.Contains(text, `"id":`+lastID) {
			close(s.answered)
		}
	}
}

func (s *exchange) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// serve fails with the stacks of all goroutines if Serve hangs.
func (s *exchange) serve(t *testing.T, options rpc.Options) error {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- rpc.Serve(context.WithoutCancel(t.Context()), s, options) }()
	select {
	case err := <-served:
		return err
	case <-time.After(cachetest.Patience):
		stacks := make([]byte, 1<<20)
		t.Fatalf("Serve hangs after it has sent %q:\n%s", s.said.String(), stacks[:runtime.Stack(stacks, true)])
		return nil
	}
}

// checkExchange fails unless the messages of the server in a session are responses to the
// requests in input.
func checkExchange(t *testing.T, s *exchange, input io.Reader, err error) {
	t.Helper()
	if err != nil && (!strings.HasPrefix(err.Error(), "protocol: ") || strings.Contains(err.Error(), "\n")) {
		t.Errorf("Serve returned %q, want an error of the protocol on one line", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := requests(input)
	for _, m := range parse(t, s.said.Bytes()) {
		if m.Error != nil {
			if m.Error.Code == jsonrpc2.CodeInternalError || m.Error.Message == "" || strings.ContainsAny(m.Error.Message, "\r\n") {
				t.Errorf("got the error %d %q", m.Error.Code, m.Error.Message)
			}
		}
		if m.ID == nil {
			continue
		}
		if left[string(m.ID)]--; left[string(m.ID)] < 0 && string(m.ID) != lastID && string(m.ID) != `"shutdown"` {
			t.Errorf("got one response too many for the id %s", m.ID)
		}
	}
}

// requests returns how often each id was sent with a request, as a response spells it:
// jsonrpc2 turns -1 into 18446744073709551615, which no client sends (see doc.go).
func requests(input io.Reader) map[string]int {
	counts := make(map[string]int)
	in := bufio.NewReader(input)
	for {
		var text json.RawMessage
		if (jsonrpc2.VSCodeObjectCodec{}).ReadObject(in, &text) != nil {
			return counts
		}
		var request jsonrpc2.Request
		if json.Unmarshal(text, &request) == nil && !request.Notif {
			id, _ := json.Marshal(request.ID) // a number or a string
			counts[string(id)]++
		}
	}
}

// checkNoSecrets fails if the server has repeated a possible secret: a string in config
// with characters of keys and connection strings.
func checkNoSecrets(t *testing.T, s *exchange, input string) {
	t.Helper()
	said := s.said.String()
	in := bufio.NewReader(strings.NewReader(input))
	for {
		var text json.RawMessage
		if (jsonrpc2.VSCodeObjectCodec{}).ReadObject(in, &text) != nil {
			return
		}
		var m struct {
			Params struct{ Config any }
		}
		_ = json.Unmarshal(text, &m) // perhaps not an initialize
		for _, text := range stringsIn(m.Params.Config) {
			if len(text) >= 16 && strings.ContainsAny(text, "=;?&~") && strings.Contains(said, text) {
				t.Errorf("the server has sent %q, which contains %q", said, text)
			}
		}
	}
}

// stringsIn returns all strings in a JSON value.
func stringsIn(value any) (found []string) {
	switch value := value.(type) {
	case string:
		found = append(found, value)
	case []any:
		for _, element := range value {
			found = append(found, stringsIn(element)...)
		}
	case map[string]any:
		for _, member := range value {
			found = append(found, stringsIn(member)...)
		}
	}
	return found
}
