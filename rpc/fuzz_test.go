package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// FuzzServe sends any bytes, and then the end: Serve returns, has answered no
// request twice and said nothing but messages.
func FuzzServe(f *testing.F) {
	request := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for _, seed := range []string{
		"",
		"hello\r\nworld",
		frame(request),
		frame(request) + frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`),
		frame(request) + frame(request) + frame(strings.Replace(request, "1", `"1"`, 1)),
		frame(`{"jsonrpc":"2.0","id":-1,"method":"shutdown"}`),
		frame(`{"jsonrpc":"2.0","id":1,"result":null}`),
		frame(`[` + request + `]`),
		"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" + frame(request),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 1<<31, request),
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(request)+1, request),
	} {
		f.Add([]byte(seed))
	}
	for _, session := range goldenSessions(f) {
		var stream strings.Builder
		for _, line := range strings.Split(session, "\n") {
			if text, ok := composed(line); ok {
				stream.WriteString(frame(text))
			}
		}
		f.Add([]byte(stream.String()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newTalk(strings.NewReader(string(data)))
		err := s.serve(t, session(rpc.Session{Reason: "off"}))
		checkTalk(t, s, bytes.NewReader(data), err)
	})
}

// FuzzSession sends requests and notifications with any params to a server
// whose cache is in use, a line each as in testdata/rpc: ID METHOD PARAMS.
// Beside what FuzzServe checks, nothing but what was asked for has changed on
// the disk. A patient client waits for the answers before it closes the stream.
//
// In params @ stands for the cache directory; other paths lead to files beside
// it, see newGrounds.
func FuzzSession(f *testing.F) {
	for _, session := range goldenSessions(f) {
		f.Add(session, true)
		f.Add(session, false)
	}
	initialize := "1 initialize " + goldenInitialize
	for _, lines := range []string{
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/output"}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/../canary"}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/../cache-evil"}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":0,"terminalOutputPath":"@/1"}`,
		`2 store {"hash":"cache","cacheDirectory":"@/..","code":0,"terminalOutput":""}`,
		`2 store {"hash":"../cache-evil","cacheDirectory":"@","code":0,"terminalOutput":""}`,
		`2 store {"hash":"1","cacheDirectory":"@","code":1e400,"terminalOutput":null}`,
		`2 store {"hash":"dangling","cacheDirectory":"@","code":9223372036854775807,"terminalOutput":"\ud800\u0000"}`,
		`2 retrieve {"hash":"..","cacheDirectory":"@/1"}`,
		`2 retrieve {"hash":"123","cacheDirectory":"@/../cache-evil"}`,
		`2 retrieve {"hash":"123","cacheDirectory":"@/new/folder"}`,
		`2 retrieve {"hash":"123","cacheDirectory":"@/output"}`,
		`2 retrieve {"hash":"link","cacheDirectory":"@"}`,
		"2 retrieve {\"hash\":\"123\",\"cacheDirectory\":\"@\"}\n2 retrieve {\"hash\":\"123\",\"cacheDirectory\":\"@\"}\n$/cancelRequest {\"id\":2}",
		"2 store {\"hash\":\"1\",\"cacheDirectory\":\"@\",\"code\":0,\"terminalOutput\":\"\"}\n3 retrieve {\"hash\":\"1\",\"cacheDirectory\":\"@\"}\n4 shutdown\n5 shutdown",
		`1 initialize {"protocolVersion":1,"workspaceRoot":"@","config":"AccountName=x;AccountKey=c2VjcmV0LXNlY3JldA=="}`,
		`1 initialize {"protocolVersion":"1","workspaceRoot":"@","config":{"accountName":"AccountName=x;AccountKey=c2VjcmV0LXNlY3JldA=="}}`,
		`"x" shutdown [[[{}]]]`,
	} {
		if strings.Contains(lines, "1 initialize ") {
			f.Add(lines, true) // alone: it comes once
		}
		f.Add(initialize+"\n"+lines, true)
		f.Add(initialize+"\n"+lines, false)
	}
	storage := storedResults(f)
	f.Fuzz(func(t *testing.T, lines string, patient bool) {
		g := newGrounds(t)
		var stream strings.Builder
		for line := range strings.SplitSeq(lines, "\n") {
			text, ok := composed(line)
			if text = g.fill(text); !ok || !g.contains(text) {
				continue
			}
			stream.WriteString(frame(text))
			g.note(text)
		}
		before := g.files(t)
		s := newTalk(strings.NewReader(stream.String()))
		if patient {
			s.addEnd()
		}
		blobs := copyOf(t, storage)
		err := s.serve(t, session(rpc.Session{Cache: newCache(blobs), Mode: cache.ReadWrite, Drain: 20 * time.Second}))

		checkTalk(t, s, strings.NewReader(stream.String()), err)
		checkDiscretion(t, s, stream.String())
		g.check(t, before)
		for _, name := range blobs.Names() {
			if hash, ok := strings.CutPrefix(name, "v1/shared/"); !ok || taskhash.Check(hash) != nil || strings.Contains(hash, "/") {
				t.Errorf("a result was stored as %s", name)
			}
		}
	})
}

// goldenInitialize are the params of an initialize like that of the npm package.
const goldenInitialize = `{"protocolVersion":1,"clientVersion":"1.2.3","processId":1,"workspaceRoot":"@","nxVersion":"24.0.6","ci":true,"config":{"container":"nx-cache"}}`

// goldenSessions returns what the clients in testdata/rpc send, a message in
// each line.
func goldenSessions(f *testing.F) (sessions []string) {
	f.Helper()
	paths, err := filepath.Glob("../testdata/rpc/*.session")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no sessions in testdata/rpc: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(content)) {
			text, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "> ")
			text = strings.ReplaceAll(text, "${cacheDirectory}", "@")
			text = strings.Replace(text, "initialize {...}", "initialize "+goldenInitialize, 1)
			if _, valid := composed(text); ok && valid {
				lines = append(lines, text)
			}
		}
		if len(lines) > 0 {
			sessions = append(sessions, strings.Join(lines, "\n"))
		}
	}
	if len(sessions) == 0 {
		f.Fatal("no messages in testdata/rpc")
	}
	return sessions
}

// composed returns the message of a line: "ID METHOD PARAMS", or for a
// notification "METHOD PARAMS"; params may be left out.
func composed(line string) (text string, ok bool) {
	first, rest, _ := strings.Cut(line, " ")
	m := map[string]json.RawMessage{"jsonrpc": json.RawMessage(`"2.0"`)}
	if json.Valid([]byte(first)) && first != "" && first != "null" {
		m["id"] = json.RawMessage(first)
		first, rest, _ = strings.Cut(rest, " ")
	}
	m["method"] = json.RawMessage(strconv.Quote(first))
	if rest != "" {
		m["params"] = json.RawMessage(rest)
	}
	data, err := json.Marshal(m)
	return string(data), err == nil && first != ""
}

// talk is a stream whose client says all it has to say at once and, if it is
// patient, ends only when that is answered.
type talk struct {
	io.Reader
	answered chan struct{} // closed when the last answer has come

	mu     sync.Mutex
	said   bytes.Buffer
	closed bool
}

func newTalk(said io.Reader) *talk { return &talk{Reader: said, answered: make(chan struct{})} }

const lastID = `"the last of all"`

// addEnd lets the stream go on until what was said is answered.
func (s *talk) addEnd() {
	end := frame(`{"jsonrpc":"2.0","id":` + lastID + `,"method":"the end"}`)
	shutdown := frame(`{"jsonrpc":"2.0","id":"shutdown","method":"shutdown"}`)
	s.Reader = io.MultiReader(s.Reader, strings.NewReader(shutdown+end), waiting(s.answered))
}

// waiting is a reader that comes to its end when a channel is closed.
type waiting chan struct{}

func (w waiting) Read([]byte) (int, error) {
	<-w
	return 0, io.EOF
}

func (s *talk) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	s.said.Write(p)
	s.answer(p)
	return len(p), nil
}

// answer ends the wait when everything is answered: shutdown is what is answered
// last, the end is refused before.
func (s *talk) answer(p []byte) {
	text := s.said.String()
	select {
	case <-s.answered:
	default:
		if strings.Contains(text, `"id":"shutdown"`) && strings.Contains(text, `"id":`+lastID) {
			close(s.answered)
		}
	}
}

func (s *talk) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// serve fails the test with the stacks of all goroutines when Serve hangs.
func (s *talk) serve(t *testing.T, options rpc.Options) error {
	t.Helper()
	const patience = 30 * time.Second // on a machine that has much else to do
	served := make(chan error, 1)
	go func() { served <- rpc.Serve(context.WithoutCancel(t.Context()), s, options) }()
	select {
	case err := <-served:
		return err
	case <-time.After(patience):
		stacks := make([]byte, 1<<20)
		t.Fatalf("Serve hangs after it has said %q:\n%s", s.said.String(), stacks[:runtime.Stack(stacks, true)])
		return nil
	}
}

// checkTalk fails unless what the server has said in a session that is over is
// what the client in input has asked for.
func checkTalk(t *testing.T, s *talk, input io.Reader, err error) {
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
			t.Errorf("got an answer too many for the id %s", m.ID)
		}
	}
}

// requests returns how often each id was sent with a request, as it is written
// in an answer: jsonrpc2 answers -1 as 18446744073709551615, which no client
// sends (see doc.go).
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
			id, _ := json.Marshal(request.ID) // a number or a text
			counts[string(id)]++
		}
	}
}

// checkDiscretion fails if the server has repeated what may be a secret: a text
// in config that has characters of keys and connection strings.
func checkDiscretion(t *testing.T, s *talk, input string) {
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
		_ = json.Unmarshal(text, &m) // it may be no initialize
		for _, text := range textsIn(m.Params.Config) {
			if len(text) >= 16 && strings.ContainsAny(text, "=;?&~") && strings.Contains(said, text) {
				t.Errorf("the server has said %q, which has %q", said, text)
			}
		}
	}
}

// textsIn returns all texts in a JSON value.
func textsIn(value any) (texts []string) {
	switch value := value.(type) {
	case string:
		texts = append(texts, value)
	case []any:
		for _, element := range value {
			texts = append(texts, textsIn(element)...)
		}
	case map[string]any:
		for _, member := range value {
			texts = append(texts, textsIn(member)...)
		}
	}
	return texts
}

// grounds are folders with a cache directory in their midst.
type grounds struct {
	root, cacheDirectory string

	directories []string        // cache directories that were named, cleaned
	hashes      map[string]bool // that were named
}

func newGrounds(t *testing.T) *grounds {
	t.Helper()
	root := t.TempDir()
	g := &grounds{
		root: root, cacheDirectory: filepath.Join(root, "between", "cache"),
		hashes: map[string]bool{},
	}
	for _, name := range []string{"canary", "between/canary", "between/cache-evil/canary", "between/cache/output", "between/cache/1/dist/file"} {
		write(t, filepath.Join(root, filepath.FromSlash(name)), name)
	}
	for name, target := range map[string]string{"link": "../cache-evil", "dangling": "../evil"} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(g.cacheDirectory, name)); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// storedResults returns a storage that holds the results of 123 and, damaged,
// of 456.
func storedResults(f *testing.F) *cachetest.Memory {
	f.Helper()
	storage := new(cachetest.Memory)
	c := newCache(storage)
	defer c.Close(f.Context())
	for _, hash := range []string{"123", "456"} {
		directory := f.TempDir()
		write(f, filepath.Join(directory, hash, "dist", "restored"), "restored")
		if _, reason, err := cachetest.Store(f.Context(), c, hash, directory, 0, cache.TerminalOutput{Text: "done\n"}); reason != "" || err != nil {
			f.Fatal(reason, err)
		}
	}
	names := storage.Names()
	if len(names) != 2 {
		f.Fatalf("got the blobs %q, want two", names)
	}
	storage.Alter(names[1], func(b *cachetest.Blob) { b.Content = b.Content[:len(b.Content)/2] })
	return storage
}

// copyOf returns a storage that holds the same.
func copyOf(t *testing.T, storage *cachetest.Memory) *cachetest.Memory {
	t.Helper()
	copied := new(cachetest.Memory)
	for _, name := range storage.Names() {
		blob, _ := storage.Blob(name)
		if err := copied.Put(t.Context(), name, bytes.NewReader(blob.Content), blob.Metadata); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// fill puts the cache directory into a message.
func (g *grounds) fill(text string) string {
	path, _ := json.Marshal(g.cacheDirectory) // a text
	return strings.ReplaceAll(text, "@", strings.Trim(string(path), `"`))
}

// contains reports whether all absolute paths in a message lie in the grounds:
// a server does what it is told.
func (g *grounds) contains(text string) bool {
	var message any
	if json.Unmarshal([]byte(text), &message) != nil {
		return true // it will not be understood
	}
	for _, path := range textsIn(message) {
		relative, err := filepath.Rel(g.root, path)
		if filepath.IsAbs(path) && (err != nil || !filepath.IsLocal(relative)) {
			return false
		}
	}
	return true
}

// note remembers what a message allows the server to change.
func (g *grounds) note(text string) {
	var m struct {
		Params struct{ Hash, CacheDirectory string }
	}
	_ = json.Unmarshal([]byte(text), &m) // it is no request for files
	if filepath.IsAbs(m.Params.CacheDirectory) {
		g.directories = append(g.directories, filepath.Clean(m.Params.CacheDirectory))
	}
	g.hashes[m.Params.Hash] = true
}

// files returns what is in the grounds, folders without their times.
func (g *grounds) files(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(g.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String()
		switch {
		case entry.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			all[path] += " -> " + target
			return err
		case !entry.IsDir():
			content, err := os.ReadFile(path)
			all[path] += fmt.Sprintf(" %s %q", info.ModTime(), content)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// check fails unless the files are as before, but for results that were restored,
// and nothing of the server is left. No terminal output that a message names is in
// the server's folder, so each stays.
func (g *grounds) check(t *testing.T, before map[string]string) {
	t.Helper()
	after := g.files(t)
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if text := after[path]; text != before[path] && !g.isRestored(path) {
			t.Errorf("%s: got %q, want %q", path, text, before[path])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(after)) {
		_, old := before[path]
		isFolder := strings.HasPrefix(after[path], "d")
		if !old && !g.isRestored(path) && (!isFolder || !g.leadsToDirectory(path)) {
			t.Errorf("%s: got %q, want nothing", path, after[path])
		}
	}
}

// isRestored reports whether a path is that of a result which can be restored,
// or below one.
func (g *grounds) isRestored(path string) bool {
	return slices.ContainsFunc(g.directories, func(directory string) bool {
		result := filepath.Join(directory, "123")
		return g.hashes["123"] && (path == result || strings.HasPrefix(path, result+string(filepath.Separator)))
	})
}

// leadsToDirectory reports whether a path is that of a cache directory that was
// named, or above one.
func (g *grounds) leadsToDirectory(path string) bool {
	return slices.ContainsFunc(g.directories, func(directory string) bool {
		return directory == path || strings.HasPrefix(directory, path+string(filepath.Separator))
	})
}
